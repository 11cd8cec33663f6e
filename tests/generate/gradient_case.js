/** Gradients of a generated case, by the library and by the oracle: the axes are those of attention's calls. */
import assert from 'node:assert';
import { linearGradient, softmaxGradient } from '../../web/learn.js';
import * as oracle from '../oracle/gradients.js';
import { differentiableMap } from '../oracle/map_gradients.js';
import { assertClose } from '../tolerance.js';
import { gaussian, sliceTime } from '../util.js';
import { featuresOf, headsOf } from './axes.js';
import { fromFront, toFront } from './expected.js';
import { inputsOf } from './inputs.js';
import { toleranceOf } from './maps.js';
import { randomCases } from './pairs.js';
import { HAND_IN, Keep, layOut, layOutGate } from './run_case.js';
import { optionsOf } from './softmax_options.js';

/** A call has gradients, not a stream of calls nor a part; nor do its results go anywhere else. */
const WHOLE = { split: 'whole', carry: 'kept', out: 'none', entry: 'main', sliced: 'no', threads: 1, tokens: 'random', size: 'ordinary', part: 'no' };

/** What the oracle goes through, which keeps every state. */
const costOf = (one) => one.batch * one.length * headsOf(one).most * featuresOf(one.map, one.dim) * one.valueDim;

/** Cases that are cheap enough to be run by the hundred. A maximum that epsilon is relative to has no plain formula. */
function drawCases(count, seed, set) {
  const cases = [];
  for (let more = 0; cases.length < count; more++) {
    const drawn = randomCases(count, seed + more, { ...WHOLE, ...set });
    cases.push(...drawn.filter((one) => one.map !== 'favor epsilon' && one.keyLengths !== 'packed' && one.input !== 'transferred' && costOf(one) < 3e4));
  }
  return cases.slice(0, count);
}

/** So many of linear attention, whose maps are many, and of softmax attention. */
export const gradientCases = (count, seed) => [...drawCases(count, seed, {}), ...drawCases(count, seed + 1, { map: 'softmax' })];

/** The same numbers under other axes. */
function laidOut(one, tensor, gradient) {
  if (tensor.shape.length < 2) return gradient;
  const { data } = layOutGate(one, { ...gradient, isDecay: tensor.isDecay }, { from: 0, to: one.length });
  return { data };
}

/** What float32 holds with all of its digits, as sums of such numbers go; less is nothing. */
const LEAST = 1e-30;

const isNothing = ({ data }) => data.every((x) => Math.abs(x) < LEAST);

/** Throws unless a gradient is as expected, beside terms that cancel, or nothing where there is hardly anything. */
function assertGradient(one, actual, expected, name, beside = () => expected) {
  if (isNothing(expected) && isNothing(beside())) assert.ok(isNothing(actual), `${name} is not 0`);
  else assertClose(actual, expected, { rule: toleranceOf(one).startsWith('wide') ? 'wide gradient' : 'gradient', name, beside });
}

/** The same with `value` in place of what is of no token of its row of the batch. */
function withoutUncounted({ data, shape }, { lengths, starts }, value) {
  const [B, H, T, d] = shape;
  const first = (b) => starts?.[b] ?? 0;
  const counts = (b, t) => t >= first(b) && t < (lengths ? first(b) + lengths[b] : T);
  return { data: data.map((x, n) => (counts(Math.floor(n / d / T / H), Math.floor(n / d) % T) ? x : value)), shape };
}

/** Which tokens count by the options lengths and starts of the call; {} where all do, or where only keys are counted. */
const rowsOf = (one, { keyLengths, lengths, starts }) => (one.map === 'softmax' ? { lengths, starts } : starts ? { lengths: keyLengths, starts } : {});

/** The oracle's gradients of linear attention, whose rows all begin in front and end in zeros. */
function linearOf(one, call, tensors, gates, settings) {
  const rows = rowsOf(one, call);
  if (!rows.lengths) return oracle.linearGradient(...tensors, { ...gates, ...settings, keyLengths: call.keyLengths ?? undefined });
  const atFront = (x) => (x.shape.length < 4 ? x : withoutUncounted(toFront(x, rows.starts), { lengths: rows.lengths }, 0));
  const placed = (x) => (x && x.shape.length === 4 ? fromFront(x, { starts: rows.starts, keyLengths: rows.lengths }) : x);
  const moved = Object.fromEntries(Object.entries(gates).map(([name, gate]) => [name, atFront(gate)]));
  const { dState, dKeySum, dMap, ...rest } = oracle.linearGradient(...tensors.map(atFront), { ...moved, ...settings, keyLengths: rows.lengths });
  return { ...Object.fromEntries(Object.entries(rest).map(([name, x]) => [name, placed(x)])), dState, dKeySum, dMap };
}

/** S and z before, and gradients of those after, in every second case. */
function drawState(one, normalize) {
  const { batch, valueDim, seed, map, dim } = one;
  if (map === 'softmax' || seed % 2 === 0) return null;
  const shape = [batch, headsOf(one).states, featuresOf(map, dim)];
  const positive = (x) => ({ data: x.data.map((a) => 0.2 + Math.abs(a)), shape });
  return {
    initialState: gaussian([...shape, valueDim], seed + 21), initialKeySum: normalize ? positive(gaussian(shape, seed + 22)) : undefined,
    dFinalState: gaussian([...shape, valueDim], seed + 23), dFinalKeySum: normalize ? gaussian(shape, seed + 24) : undefined,
  };
}

/** Throws unless the library's gradients are the oracle's. */
export async function runGradientCase(one, attention) {
  const inputs = inputsOf(one);
  if (inputs.decay) inputs.decay.isDecay = true;
  const { map, decay, beta, calls: [call] } = inputs;
  const [q, k, v] = [sliceTime(inputs.q, call.qFrom, call.qTo), inputs.k, inputs.v];
  const gated = decay !== null || beta !== null;
  const normalize = one.normalize === 'default' ? !gated : one.normalize === 'yes';
  const dOut = withoutUncounted(gaussian([one.batch, headsOf(one).most, q.shape[2], one.valueDim], one.seed + 31), rowsOf(one, call), NaN);
  const isRagged = one.map !== 'softmax' && call.starts;
  const counted = isRagged ? { lengths: call.keyLengths, ...(one.keyLengths === 'padded' && { starts: call.starts }) } : call.keyLengths && { keyLengths: call.keyLengths };
  const form = { causal: one.causal === 'causal', ...(one.scale !== 'default' && { scale: one.scale }) };
  const options = { ...form, ...counted };
  const keep = new Keep();
  try {
    const given = [];
    for (const x of [q, k, v, dOut]) given.push(await HAND_IN[one.input](attention, keep, layOut(one, x)));
    const compare = (actual, expected, terms, names) => {
      for (const name of names) assertGradient(one, actual[name], layOut(one, expected[name]), name, () => terms()[name]);
    };
    if (one.map === 'softmax') {
      const more = await optionsOf(one, call, (x) => HAND_IN[one.input](attention, keep, x));
      const reference = (rest) => oracle.softmaxGradient(q, k, v, dOut, { ...options, ...more, bias: call.bias, ...rest });
      const actual = softmaxGradient(attention, ...given, { ...options, ...more, layout: one.layout, ...(call.bias && { biasGradient: true }) });
      const expected = reference();
      compare(actual, expected, () => reference({ isFixed: true }), ['dq', 'dk', 'dv']);
      assert.deepEqual(actual.dBias?.shape, expected.dBias?.shape, 'shape of dBias');
      if (call.bias) assertGradient(one, actual.dBias, expected.dBias, 'dBias', () => reference({ isFixed: true }).dBias);
      return;
    }
    const settings = { ...form, normalize, ...(one.eps !== 'default' && { eps: one.eps }) };
    const held = drawState(one, normalize);
    const featureMap = map.options ? keep.add(attention.featureMap(map.name, map.options)) : map.name;
    const gates = { ...(decay && { decay: layOutGate(one, decay, call) }), ...(beta && { beta: layOutGate(one, beta, call) }) };
    let state;
    if (held) {
      const { scale, eps } = settings;
      state = keep.add(attention.state({ batch: one.batch, heads: headsOf(one).states, dim: one.dim, valueDim: one.valueDim, featureMap, normalize, ...(scale && { scale }), ...(eps !== undefined && { eps }) }));
      state.set(held.initialState, held.initialKeySum);
    }
    const before = state?.save();
    const actual = linearGradient(attention, ...given, {
      ...settings, ...counted, ...gates, featureMap, layout: one.layout, ...(held && { state, dFinalState: held.dFinalState, ...(normalize && { dFinalKeySum: held.dFinalKeySum }) }),
    });
    if (state) assert.deepEqual(state.save(), before, 'the state was changed');
    const reference = differentiableMap(map.name, { dim: one.dim, ...map.options });
    const gradientsOf = (rest) => linearOf(one, call, [q, k, v, dOut], { ...(decay && { decay }), ...(beta && { beta }) }, { ...settings, map: reference, ...held, ...rest });
    const expected = gradientsOf();
    const terms = () => gradientsOf({ isFixed: true, map: differentiableMap(map.name, { dim: one.dim, ...map.options, isFixed: true }) });
    compare(actual, expected, terms, ['dq', 'dk', 'dv']);
    for (const [name, gate] of [['dDecay', decay], ['dBeta', beta]]) {
      if (gate) assertGradient(one, actual[name], laidOut(one, gate, expected[name]), name, () => terms()[name]);
    }
    if (held) assertGradient(one, actual.dState, expected.dState, 'dState');
    if (held && normalize) assertGradient(one, actual.dKeySum, expected.dKeySum, 'dKeySum', () => terms().dKeySum);
    for (const [array, tensor] of Object.entries(expected.dMap)) {
      const name = `d${array[0].toUpperCase()}${array.slice(1)}`;
      assertGradient(one, actual[name], tensor, name, () => terms().dMap[array]);
      assert.deepEqual(actual[name].shape, tensor.shape, name);
    }
  } finally {
    await keep.release();
  }
}
