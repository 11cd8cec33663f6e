/**
 * What a state's tokens do to an earlier state S: M·S, where M is the identity for sums, diag(exp Σ decay) for decay, and
 * Π diag(exp decay)(I − β k kᵀ), later factors to the left, for the delta rule. The sums of decay are kept in float64. The
 * matrix is the state of the same calls on values of 0, begun with the identity: its columns are values.
 */
import { arrayFrom, newArray, newFloats } from '../core/arrays.js';
import { Frame } from '../core/core.js';
import { AttentionError } from '../core/errors.js';
import { floatsOf } from '../core/operand.js';
import { internal } from '../core/resident.js';
import { MAX_DIM } from '../core/validate.js';
import { advance, placeRow, setLengths } from './positions.js';
import { writeSums } from './state_sums.js';

/** The identity of so many rows, heads and features. */
export const openTransition = ({ heads, features }, batch) => ({ decays: newArray(Float64Array, batch * heads * features), matrix: null });

/** Refuses maps for which no transition says what tokens do. */
export function checkTransitionMap(what, { name, options }) {
  if (options.epsilon > 0) throw new AttentionError('unsupported', `${what}: features of '${name}' with epsilon are relative to all keys of a call, so that parts of a sequence do not add up`);
}

/** Makes the matrix state of sums of decay alone: its diagonal. */
export function openMatrix(state, memory) {
  const { core, batch, features, transition: { decays } } = memory;
  const { heads, dim, featureMap, start } = state;
  if (features > MAX_DIM) throw new AttentionError('unsupported', `transition: the delta rule needs a matrix of features × features, at most ${MAX_DIM}, and featureMap '${featureMap.name}' makes ${features}`);
  const { constructor: State } = state;
  const matrix = new State(core, { batch, heads, dim, valueDim: features, featureMap, normalize: false, start });
  try {
    setMatrix(matrix, diagonalsOf(decays, features));
    setLengths(matrix[internal], memory.lengths);
  } catch (error) {
    matrix.dispose();
    throw error;
  }
  return matrix;
}

/** exp of sums of decay as matrices. */
export function diagonalsOf(decays, features) {
  const S = newFloats(decays.length * features);
  for (let n = 0; n < decays.length; n++) S[n * features + (n % features)] = Math.exp(decays[n]);
  return S;
}

/** Makes a matrix state these numbers. */
export function setMatrix(matrix, S) {
  const memory = matrix[internal];
  const frame = new Frame(memory.core);
  try {
    writeSums(memory, { s: frame.copyIn(S), z: frame.copyIn(newFloats(memory.streams * memory.features)) });
  } finally {
    frame.release();
  }
}

/** Adds the decay of a call's tokens. */
function addDecay({ core, batch, heads, features, transition: { decays } }, gate, tokens, { counts, starts }) {
  const data = floatsOf(core, gate.given);
  for (let b = 0; b < batch; b++) {
    const first = starts === null ? 0 : starts[b];
    const count = counts === null ? tokens : counts[b];
    for (let h = 0; h < heads; h++) {
      const from = b * gate.batch + Math.floor((h * gate.heads) / heads) * gate.head + first * gate.row;
      const into = (b * heads + h) * features;
      for (let t = 0; t < count; t++) {
        for (let i = 0, at = from + t * gate.row; i < features; i++, at += gate.channel) decays[into + i] += data[at];
      }
    }
  }
}

/**
 * Makes a call, `run`, on a state with a transition, and takes its tokens into the transition; where one of the two fails
 * neither is changed. `args`: of la_linear, placed; `decay`, `beta`: shaped gates; `rows`: what checkRows gave; `causes`: as
 * core.run takes them.
 */
export function runWithTransition(state, memory, frame, args, { decay, beta }, rows, causes, run) {
  const { core, transition, features } = memory;
  const isNew = beta !== null && transition.matrix === null;
  const matrix = isNew ? openMatrix(state, memory) : transition.matrix;
  const isMoved = matrix !== null && (decay !== null || beta !== null);
  const held = matrix?.[internal];
  let kept = 0;
  try {
    if (isMoved) {
      kept = frame.alloc(held.blockFloats * 4);
      const zeros = frame.copyIn(newFloats(features));
      core.f32.copyWithin(kept >>> 2, held.pointer >>> 2, (held.pointer >>> 2) + held.blockFloats);
      const v = { data: zeros, batch: 0, head: 0, row: 0 };
      core.run({ call: 'la_linear', args: { ...args, heads: memory.heads, q_heads: args.k_heads, v_heads: memory.heads, value_dim: features, causal: 1, normalize: 0, q: 0, v, out: 0, state: held.pointer, positions: held.positions, first: 0, count: 0 } }, causes);
    }
    run();
  } catch (error) {
    if (isNew) matrix.dispose();
    else if (kept !== 0) core.f32.copyWithin(held.pointer >>> 2, kept >>> 2, (kept >>> 2) + held.blockFloats);
    throw error;
  }
  transition.matrix = matrix;
  if (matrix !== null) advance(held, args.n_k, rows.counts);
  if (decay !== null) addDecay(memory, decay, args.n_k, rows);
}

/** The decays of row rows[i], of each i. */
function pickDecays({ heads, features, transition: { decays } }, rows) {
  const rowFloats = heads * features;
  const picked = newArray(Float64Array, rows.length * rowFloats);
  for (let i = 0; i < rows.length; i++) picked.set(decays.subarray(rows[i] * rowFloats, (rows[i] + 1) * rowFloats), i * rowFloats);
  return picked;
}

/** Picks a state's rows, by `select`, and those of its transition; where one of them fails all stay. */
export function selectWithTransition(memory, rows, select) {
  const { transition } = memory;
  if (transition === null) return select();
  const matrix = transition.matrix?.clone() ?? null;
  let decays;
  try {
    matrix?.select(rows);
    decays = pickDecays(memory, rows);
    select();
  } catch (error) {
    matrix?.dispose();
    throw error;
  }
  transition.matrix?.dispose();
  memory.transition = { decays, matrix };
}

/** The identity again, of these rows, or of all where they are null. */
export function clearTransition({ heads, features, transition }, rows) {
  if (transition === null) return;
  const { decays, matrix } = transition;
  const rowFloats = heads * features;
  if (rows === null) {
    matrix?.dispose();
    transition.matrix = null;
    decays.fill(0);
    return;
  }
  if (matrix !== null) clearMatrix(matrix[internal], rows, diagonalsOf(newArray(Float64Array, rowFloats), features));
  for (let i = 0; i < rows.length; i++) decays.fill(0, rows[i] * rowFloats, (rows[i] + 1) * rowFloats);
}

/** Makes rows of a matrix state the identity, S. */
function clearMatrix(memory, rows, S) {
  const { core, pointer, heads, features, streamFloats } = memory;
  const frame = new Frame(core);
  try {
    const [s, z] = [frame.copyIn(S), frame.copyIn(newFloats(heads * features))];
    for (let i = 0; i < rows.length; i++) {
      writeSums({ ...memory, pointer: pointer + rows[i] * heads * streamFloats * 4, streams: heads }, { s, z });
      placeRow(memory, rows[i], 0);
    }
  } finally {
    frame.release();
  }
}

/** Becomes the transition of another state of equal sizes. */
export function copyTransition(to, from) {
  if (to.transition === null) return;
  const matrix = from.transition.matrix?.clone() ?? null;
  to.transition.matrix?.dispose();
  to.transition.decays.set(from.transition.decays);
  to.transition.matrix = matrix;
}

/** A function that puts a transition back as it is now. */
export function holdTransition(state, memory) {
  if (memory.transition === null) return () => {};
  const decays = arrayFrom(Float64Array, memory.transition.decays);
  const held = memory.transition.matrix?.[internal];
  const matrix = held === undefined ? null : arrayFrom(Float32Array, held.core.floatsAt(held.pointer, held.blockFloats));
  return () => {
    memory.transition.matrix?.dispose();
    memory.transition = { decays, matrix: null };
    if (matrix === null) return;
    memory.transition.matrix = openMatrix(state, memory);
    const { core, pointer } = memory.transition.matrix[internal];
    core.f32.set(matrix, pointer >>> 2);
  };
}

/** The transition that was saved: sums of decay, and the block of its matrix where there is one. */
export function restoreTransition(state, memory, decays, matrix) {
  const { transition } = memory;
  transition.decays.set(decays);
  if (!matrix) return;
  transition.matrix = openMatrix(state, memory);
  const { core, pointer } = transition.matrix[internal];
  core.f32.set(matrix, pointer >>> 2);
}
