/** `npm run bench -- --states`: what a state costs more that can be taken back or merged, and what absorb costs beside linear. */
import { gaussian, tensorOf } from '../util.js';
import { fastest, measure } from './measure.js';
import { markdown } from './peers/table.js';
import { unitRows } from './unit_rows.js';

const [HEADS, DIM, LENGTH] = [8, 64, 2048];

/** Tokens of the cycle that steps go through, which a sample has all of: many times what a history keeps. */
const CYCLE = 256;

/** Calls of 8 tokens in a sample. */
const DRAFTS = 16;

/** Samples are as short as they may be, and the fastest of many counts: this is about parts of a call, not about a machine. */
const [SAMPLES, SAMPLE_MS] = [10, 1];

const identity = { featureMap: 'identity', normalize: false };

/** What a state is made with, and which gates its calls have. */
export const rules = [
  { name: 'elu', options: {}, gates: [] },
  { name: 'decay a head and token', options: identity, gates: ['decay'] },
  { name: 'delta', options: identity, gates: ['beta'] },
  { name: 'gated delta', options: identity, gates: ['decay', 'beta'] },
];

/** What states are made with beside that, by name. */
const KINDS = { plain: {}, 'history 8': { history: 8 }, 'history 64': { history: 64 }, transition: { transition: true } };

/**
 * All calls of a rule, by name: { steps, prefills, absorb, draft, close }. Steps go through a cycle of tokens. With a matrix
 * of what was done to an earlier state, which fades to nothing, calls begin with an empty state (`isFresh`).
 */
function prepare(attention, { options, gates }, length) {
  const kept = [];
  const keep = (one) => {
    kept.push(one);
    return one;
  };
  const draw = (count) => ({
    q: gaussian([1, HEADS, count, DIM], 1), k: unitRows(gaussian([1, HEADS, count, DIM], 2)), v: gaussian([1, HEADS, count, DIM], 3),
    decay: tensorOf([1, HEADS, count], (i) => -(i % 13) / 60), beta: tensorOf([1, HEADS, count], (i) => ((i % 7) + 1) / 8),
  });
  const resident = (x) => keep(attention.tensor(x.shape, x.data));
  const residents = (xs) => Object.fromEntries(Object.entries(xs).map(([name, x]) => [name, resident(x)]));
  const gatesOf = (xs) => Object.fromEntries(gates.map((name) => [name, xs[name]]));
  const open = (extra) => keep(attention.state({ heads: HEADS, dim: DIM, ...options, ...extra }));
  const cycle = Object.entries(draw(CYCLE));
  const tokens = Array.from({ length: CYCLE }, (_, t) => residents(Object.fromEntries(cycle.map(([name, { data, shape }]) => {
    const width = shape[3] ?? 1;
    return [name, tensorOf([1, HEADS, ...shape.slice(3)], (i) => data[(Math.floor(i / width) * CYCLE + t) * width + (i % width)])];
  }))));
  const whole = residents(draw(length));
  const few = residents(draw(8));
  const out = keep(attention.tensor([1, HEADS, length, DIM]));
  const [fewOut, tokenOut] = [keep(attention.tensor([1, HEADS, 8, DIM])), keep(attention.tensor([1, HEADS, DIM]))];

  const steps = (kind, isFresh = false) => {
    const state = open(KINDS[kind]);
    const given = tokens.map((one) => [one.q, one.k, one.v, { ...gatesOf(one), out: tokenOut }]);
    return () => {
      if (isFresh) state.reset();
      for (const [q, k, v, o] of given) state.step(q, k, v, o);
    };
  };
  const calls = (kind, xs, given, { isFresh = false, times = 1 } = {}) => {
    const state = open(KINDS[kind]);
    const o = { ...gatesOf(xs), causal: true, state, out: given };
    return () => {
      if (isFresh) state.reset();
      for (let i = 0; i < times; i++) attention.linear(xs.q, xs.k, xs.v, o);
    };
  };
  const absorbs = { ...gatesOf(whole), state: open({}) };
  return {
    steps: [steps('plain'), steps('history 8'), steps('history 64'), steps('plain', true), steps('transition', true)],
    draft: ['plain', 'history 8'].map((kind) => calls(kind, few, fewOut, { times: DRAFTS })),
    prefills: [calls('plain', whole, out), calls('history 64', whole, out), calls('transition', whole, out, { isFresh: true })],
    absorb: () => attention.absorb(whole.k, whole.v, absorbs),
    close: () => kept.reverse().forEach((object) => object.dispose()),
  };
}

/** Every rule, the calls of a group beside one another: milliseconds, and ratios to what has neither. */
export function measureStates(attention, list, { rounds, length = LENGTH, sampleMs = SAMPLE_MS, warmMs }) {
  return list.map((rule) => {
    const { steps, draft, prefills, absorb, close } = prepare(attention, rule, length);
    const times = (runs) => measure(runs.map((run) => ({ run })), { rounds: SAMPLES * rounds, sampleMs, warmMs, pick: fastest }).map(({ ms }) => ms);
    const [step, history8, history64, fresh, moved] = times(steps);
    const [plain, kept] = times(draft);
    const [prefill, begun, transition, absorbed] = times([...prefills, absorb]);
    close();
    return {
      name: rule.name, stepMs: step / CYCLE, history8: history8 / step, history64: history64 / step, transition: moved / fresh,
      draft: kept / plain, prefillMs: prefill, prefillHistory: begun / prefill, prefillTransition: transition / prefill, absorb: absorbed / prefill,
    };
  });
}

export function statesText(rows) {
  const ratio = (x) => x.toFixed(2);
  const head = ['', 'step', 'history 8', 'history 64', 'transition', '8 tokens, history 8', `${LENGTH.toLocaleString('en')} tokens`, 'history 64', 'transition', 'absorb'];
  const cells = rows.map((row) => [
    row.name, `${(row.stepMs * 1000).toFixed(1)} µs`, ...[row.history8, row.history64, row.transition, row.draft].map(ratio),
    `${row.prefillMs.toFixed(1)} ms`, ...[row.prefillHistory, row.prefillTransition, row.absorb].map(ratio),
  ]);
  return markdown([head, ...cells]);
}
