/** States of every rule, map and grouping of heads: what the verbs of a state are tried on. */
import assert from 'node:assert';
import { AXES, headsOf } from '../generate/axes.js';
import { inputsOf } from '../generate/inputs.js';
import { assertSame } from '../tolerance.js';
import { sliceTime } from '../util.js';

const RULES = {
  linear: {},
  'decay a head': { decay: 'head' },
  'decay a token': { decay: 'token' },
  'decay a channel': { decay: 'channel' },
  delta: { rule: 'delta token' },
  'gated delta': { rule: 'delta token', decay: 'token' },
  'delta, decay a channel': { rule: 'delta token', decay: 'channel' },
};

/** As many as meet every rule in turn. */
const HEADS = ['1 1 1', '4 2 2', '2 2 4', '4 4 2', '3 1 1'];

const SIMPLE = { causal: 'causal', split: 'steps', keyLengths: 'none', queries: 'same', gateHeads: 'states', size: 'ordinary', tokens: 'random', strength: 'mild', normalize: 'default' };

/** A test for each map: `body(attention, keep, one)` on every rule; whether it is normalised, and the heads, come in turn. */
export function testStates(test, title, body, maps = AXES.map.filter((name) => name !== 'softmax')) {
  let count = 0;
  for (const [m, map] of maps.entries()) {
    test(`${title}: ${map}`, (attention, keep) => {
      for (const [r, [name, rule]] of Object.entries(RULES).entries()) {
        const normalize = (m + r) % 2 === 0 ? 'yes' : 'no';
        const one = { ...SIMPLE, map, rule: 'linear', decay: 'none', ...rule, normalize, heads: HEADS[count % HEADS.length], seed: ++count };
        try {
          body(attention, keep, one);
        } catch (error) {
          error.message = `${name}, normalised: ${normalize}, heads ${one.heads}: ${error.message}`;
          throw error;
        }
      }
    });
  }
}

/** Token t of what has tokens along its third axis, as step() takes it. */
const tokenOf = ({ data, shape }, t) => {
  const { data: row, shape: [B, H, , d] } = sliceTime({ data, shape }, t, t + 1);
  return { data: row, shape: [B, H, d] };
};

const gateOf = (gate, cut) => {
  if (!gate) return undefined;
  if (gate.shape.length < 3) return Array.from(gate.data);
  const { data, shape } = cut(gate);
  return { data, shape: shape.at(-1) === 1 ? shape.slice(0, -1) : shape };
};

/** Leaves out what was not given. */
const given = (options) => Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));

/** A case's numbers, and the calls on them: { open, step, linear, inputs }. */
export class StateCase {
  constructor(attention, keep, one, { batch = 3, length = 12, dim = 5, valueDim = 6 } = {}) {
    this.one = { ...one, batch, length, dim, valueDim };
    this.attention = attention;
    this.keep = keep;
    this.inputs = inputsOf(this.one);
    const { name, options } = this.inputs.map;
    this.featureMap = options ? keep(attention.featureMap(name, options)) : name;
  }

  open(extra = {}) {
    const { batch, dim, valueDim, normalize } = this.one;
    return this.keep(this.attention.state({ batch, heads: headsOf(this.one).states, dim, valueDim, featureMap: this.featureMap, normalize: normalize === 'yes', ...extra }));
  }

  /** The gates of token t, or of tokens from … to − 1; `rows` picks of the batch. */
  gates(cut) {
    return given({ decay: gateOf(this.inputs.decay, cut), beta: gateOf(this.inputs.beta, cut) });
  }

  step(state, t, options, rows = null) {
    const cut = (x) => rowsOf(tokenOf(x, t), rows);
    const { q, k, v } = this.inputs;
    return state.step(cut(q), cut(k), cut(v), { ...this.gates(cut), ...options });
  }

  absorb(state, from, to, options) {
    const cut = (x) => sliceTime(x, from, to);
    const { k, v } = this.inputs;
    return this.attention.absorb(cut(k), cut(v), { state, ...this.gates(cut), ...options });
  }

  linear(state, from, to, options, rows = null) {
    const cut = (x) => rowsOf(sliceTime(x, from, to), rows);
    const { q, k, v } = this.inputs;
    return this.attention.linear(cut(q), cut(k), cut(v), { causal: true, state, ...this.gates(cut), ...options });
  }
}

/** Rows of the first axis. */
export function rowsOf({ data, shape }, rows) {
  if (rows === null) return { data, shape };
  const size = data.length / shape[0];
  const picked = new data.constructor(rows.length * size);
  rows.forEach((row, i) => picked.set(data.subarray(row * size, (row + 1) * size), i * size));
  return { data: picked, shape: [rows.length, ...shape.slice(1)] };
}

/** The same bits: S, z, lengths and all that a state keeps. */
export function assertSameState(actual, expected, what) {
  assertSame(actual.data, expected.data, `${what}: S`);
  if (expected.keySum) assertSame(actual.keySum, expected.keySum, `${what}: z`);
  assert.deepEqual(actual.lengths, expected.lengths, `${what}: lengths`);
  assert.deepEqual(actual.save(), expected.save(), `${what}: saved`);
}
