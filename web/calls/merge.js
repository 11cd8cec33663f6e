/** merge(): a state of earlier tokens takes in one of the tokens behind them, S ← M·S + E and z likewise, with M and E of the later. */
import { floatsFrom, newArray, newFloats } from '../core/arrays.js';
import { Frame } from '../core/core.js';
import { AttentionError } from '../core/errors.js';
import { internal } from '../core/resident.js';
import { isScaled } from '../maps/feature_map.js';
import { forget } from './history.js';
import { addRows, isRatio } from './merge_rows.js';
import { setLengths } from './positions.js';
import { requireAlike } from './state_options.js';
import { readSums, writeSums } from './state_sums.js';
import { checkTransitionMap, diagonalsOf, openMatrix, setMatrix } from './transition.js';

/** Refuses what is not the part behind this state. */
function requireNext(state, later) {
  requireAlike(state, 'later', later);
  checkTransitionMap('merge', later.featureMap);
  if (!later.transition) throw new AttentionError('unsupported', 'merge: later does not know what its tokens do to an earlier state, make it with the option transition: true');
  const ends = state.lengths.map((length) => state.start + length);
  ends.forEach((end, b) => {
    if (end === later.start) return;
    throw new RangeError(`later must start at ${end}, where row ${b} of this state ends, got a start of ${later.start}: ${end < later.start ? 'a gap' : 'an overlap'} of ${Math.abs(end - later.start)} tokens`);
  });
}

/** S, z and exponents of a state, as they are read; −∞ stands for sums of nothing. */
function sumsOf(memory, normalize) {
  const { streams, features, valueDim } = memory;
  const sums = { S: newFloats(streams * features * valueDim), z: normalize ? newFloats(streams * features) : null, exponents: newFloats(streams) };
  readSums(memory, sums);
  return sums;
}

/** S, z and powers of a state that keeps ratios. */
function rowSumsOf(memory) {
  const { streams, features, valueDim } = memory;
  const sums = { S: newFloats(streams * features * valueDim), z: newFloats(streams * features), powers: newFloats(streams * features) };
  readSums(memory, sums);
  return sums;
}

/** The power of two of an exponent; 0 of sums of nothing. */
const wholePower = (exponent) => (Number.isFinite(exponent) ? Math.round(exponent / Math.LN2) : 0);

/** The numbers of a matrix state themselves. */
function matrixOf(matrix) {
  const memory = matrix[internal];
  const { S, exponents } = sumsOf(memory, false);
  const size = memory.features ** 2;
  for (let n = 0; n < S.length; n++) S[n] *= Math.exp(exponents[Math.floor(n / size)]);
  return S;
}

/** A·B of every stream, features × features by features × width: keys, the columns of A, times values, the rows of B. */
function product(core, A, B, features, width) {
  const streams = A.length / features ** 2;
  const floats = core.exports.la_state_floats(features, width) >>> 0;
  const C = newFloats(streams * features * width);
  const columns = newFloats(features ** 2);
  const frame = new Frame(core);
  try {
    const [k, v, z, s] = [columns.length, features * width, features, features * width].map((count) => frame.alloc(count * 4));
    const state = frame.alloc(floats * 4);
    const one = { streams: 1, streamFloats: floats, features, valueDim: width, core, pointer: state };
    for (let n = 0; n < streams; n++) {
      for (let i = 0; i < features; i++) for (let t = 0; t < features; t++) columns[t * features + i] = A[(n * features + i) * features + t];
      core.floatsAt(state, floats).fill(0);
      core.f32.set(columns, k >>> 2);
      core.f32.set(B.subarray(n * features * width, (n + 1) * features * width), v >>> 2);
      const rows = (data, length) => ({ data, batch: 0, head: 0, row: length });
      const map = { kind: IDENTITY, dim: features, query_heads: 1, key_heads: 1 };
      core.run({ call: 'la_linear', args: { batch: 1, heads: 1, q_heads: 1, k_heads: 1, v_heads: 1, n_q: features, n_k: features, dim: features, value_dim: width, scale: 1, map, k: rows(k, features), v: rows(v, width), state } });
      core.run({ call: 'la_state_read', args: { heads: 1, features, value_dim: width, state: one.pointer, s, z } });
      C.set(core.floatsAt(s, features * width), n * features * width);
    }
  } finally {
    frame.release();
  }
  return C;
}

/** LA_MAP_IDENTITY. */
const IDENTITY = 2;

/** diag(exp decays)·B. */
const scaled = (decays, B, width) => floatsFrom(B, (x, n) => (x === 0 ? 0 : x * Math.exp(decays[Math.floor(n / width)])));

const apply = (core, { decays, matrix }, B, features, width) => (matrix === null ? scaled(decays, B, width) : product(core, matrixOf(matrix), B, features, width));

/** x·exp(from) + y·exp(other), each relative to exp(to), a number a stream. */
function add(x, from, y, other, to) {
  const width = x.length / from.length;
  return floatsFrom(x, (one, n) => {
    const h = Math.floor(n / width);
    return (one === 0 ? 0 : one * Math.exp(from[h] - to[h])) + (y[n] === 0 ? 0 : y[n] * Math.exp(other[h] - to[h]));
  });
}

/** The transition of both, without a new matrix where neither has one: { decays, S }. */
function compose(core, earlier, later, features) {
  const decays = newArray(Float64Array, earlier.decays.length);
  for (let n = 0; n < decays.length; n++) decays[n] = earlier.decays[n] + later.decays[n];
  if (earlier.matrix === null && later.matrix === null) return { decays, S: null };
  const S = apply(core, later, earlier.matrix === null ? diagonalsOf(earlier.decays, features) : matrixOf(earlier.matrix), features, features);
  return { decays, S };
}

/** { S, z, exponents, powers } of both: what `later` does to an earlier state, and what it adds. */
function addSums(core, state, memory, behind) {
  const { normalize, featureMap } = state;
  const { streams, features, valueDim } = memory;
  const { transition } = behind;
  if (isRatio(state) && transition.matrix === null) return addRows(rowSumsOf(memory), rowSumsOf(behind), transition.decays, valueDim);
  const [mine, theirs] = [sumsOf(memory, normalize), sumsOf(behind, normalize)];
  const most = (exponent, h) => Math.max(exponent, theirs.exponents[h]);
  const powers = isRatio(state) ? floatsFrom(mine.exponents, (exponent, h) => wholePower(most(exponent, h))) : null;
  const to = Array.from(mine.exponents, (exponent, h) => (powers !== null ? powers[h] * Math.LN2 : isScaled(featureMap) ? Math.fround(most(exponent, h)) : 0));
  // Of sums of nothing exp(−∞ − −∞) is never asked.
  return {
    S: add(apply(core, transition, mine.S, features, valueDim), mine.exponents, theirs.S, theirs.exponents, to),
    z: normalize ? add(scaled(transition.decays, mine.z, 1), mine.exponents, theirs.z, theirs.exponents, to) : newFloats(streams * features),
    ...(powers === null ? { exponents: floatsFrom(to) } : { powers: floatsFrom({ length: streams * features }, (_, n) => powers[Math.floor(n / features)]) }),
  };
}

/** Has `state` become the state after its own tokens and those of `later`, which stays as it is. */
export function mergeStates(state, later) {
  requireNext(state, later);
  const [memory, behind] = [state[internal], later[internal]];
  const { core, features, transition } = memory;
  const { S, z, exponents, powers } = addSums(core, state, memory, behind);
  const both = transition === null ? null : compose(core, transition, behind.transition, features);
  const lengths = Array.from(memory.lengths, (length, b) => length + behind.lengths[b]);
  const matrix = both === null || both.S === null || transition.matrix !== null ? null : openMatrix(state, memory);
  const frame = new Frame(core);
  try {
    const [s, sums, ofStreams, ofRows] = [S, z, exponents, powers].map((floats) => (floats === undefined ? 0 : frame.copyIn(floats)));
    if (both !== null && both.S !== null) setMatrix(matrix ?? transition.matrix, both.S);
    writeSums(memory, { s, z: sums, exponents: ofStreams, powers: ofRows });
  } catch (error) {
    matrix?.dispose();
    throw error;
  } finally {
    frame.release();
  }
  if (both !== null) {
    transition.matrix ??= matrix;
    transition.decays.set(both.decays);
    if (transition.matrix !== null) setLengths(transition.matrix[internal], lengths);
  }
  setLengths(memory, lengths);
  forget(memory);
}
