import { newArray, newFloats } from '../core/arrays.js';
import { Frame } from '../core/core.js';
import { AttentionError, wrongShape } from '../core/errors.js';
import { asTheyAre, Given, optionTakers, takeKeyLengths, takeOptions, takeTensor } from '../core/given.js';
import { locate, place, refuseStateOverlap } from '../core/operand.js';
import { internal, memoryOf, own, releaseMemory, residentMemory } from '../core/resident.js';
import { sameShape } from '../core/validate.js';
import { kindOf } from '../core/views.js';
import { checkFeatureMap, checkStateMapHeads, dropUnheld, holdMap, isPositional, isScaled, releaseMap } from '../maps/feature_map.js';
import { restoreStateMap } from '../maps/saved_map.js';
import { copyHistory, forget, lengthsBefore, readCounts, requireHistory, rewindTo } from './history.js';
import { mergeStates } from './merge.js';
import { setLengths } from './positions.js';
import { packState, unpackState } from './saved_state.js';
import { allocateRows, clearRow, copyRows, describeMemory, streamFloatsOf } from './state_memory.js';
import { KEEPING_OPTIONS, readStateOptions, requireAlike, STATE_OPTIONS } from './state_options.js';
import { checkRowList, mostRows, readRowList, selectRows } from './state_rows.js';
import { readSums, writeSums } from './state_sums.js';
import { step } from './step.js';
import { checkTransitionMap, clearTransition, copyTransition, openTransition, restoreTransition } from './transition.js';

const OPTIONS = optionTakers(asTheyAre(...STATE_OPTIONS, 'featureMap', ...KEEPING_OPTIONS));

/** The recurrent state of linear attention. */
export class State {
  constructor(core, options) {
    const o = takeOptions('state', options, OPTIONS);
    core.check();
    const { batch, ...settings } = readStateOptions(o);
    Object.assign(this, settings);
    this.featureMap = checkFeatureMap(core, o.featureMap, this.dim);
    checkStateMapHeads(this.featureMap, this.heads);
    if (this.transition) checkTransitionMap('transition', this.featureMap);
    if (this.transition && this.history > 0) throw new RangeError('history must be 0 in a state with transition');
    const memory = describeMemory(core, this);
    if (this.transition) memory.transition = openTransition(memory, batch);
    allocateRows(this, memory, batch);
    own(this, memory);
    holdMap(this.featureMap);
    for (let b = 0; b < batch; b++) clearRow(memory, b);
    forget(memory);
  }

  get batch() {
    return this[internal].batch;
  }

  get data() {
    const memory = residentMemory('state', this);
    const S = newFloats(memory.streams * memory.features * memory.valueDim);
    readSums(memory, { S });
    return S;
  }

  get keySum() {
    const memory = residentMemory('state', this);
    if (!this.normalize) return null;
    const z = newFloats(memory.streams * memory.features);
    readSums(memory, { z });
    return z;
  }

  get length() {
    return this[internal].lengths.reduce((most, length) => Math.max(most, length), 0);
  }

  get lengths() {
    return Array.from(this[internal].lengths);
  }

  get bytes() {
    const { length, transition } = this[internal];
    return length * 4 + (transition?.decays.byteLength ?? 0) + (transition?.matrix?.bytes ?? 0);
  }

  step(q, k, v, options) {
    return step(this, q, k, v, options);
  }

  set(S, z) {
    const { batch, heads, valueDim } = this;
    const { features, name, options } = this.featureMap;
    const given = this.#takePart('S', S, [batch, heads, features, valueDim]);
    if (this.normalize === (z === undefined || z === null)) {
      throw new TypeError(this.normalize ? 'z must be given: this state is normalised' : 'z must not be given: this state is not normalised');
    }
    const givenSum = this.normalize ? this.#takePart('z', z, [batch, heads, features]) : null;
    const memory = residentMemory('state', this);
    const { core } = memory;
    if (memory.transition !== null) throw new AttentionError('unsupported', 'set: a state with transition is what its own tokens make of nothing');
    const places = [locate(core, given), givenSum && locate(core, givenSum)];
    refuseStateOverlap(memory, NO_OUT, places);
    const also = this.length === 0 ? null : isPositional(this.featureMap) ? 'a position' : isScaled(this.featureMap) || this.#hasExponents(memory) ? 'exponents' : null;
    if (also) {
      throw new AttentionError('unsupported', `set: a state of '${name}' that has seen tokens holds ${also} beside S and z, which set() cannot give: reset() it first, or take save() and restore(), or clone()`);
    }
    const frame = new Frame(core);
    try {
      const s = place(frame, given);
      const sums = givenSum === null ? zeros(frame, memory.streams * features) : place(frame, givenSum);
      // A map's own epsilon is relative to what was seen, of which S and z tell nothing.
      const exponents = options.epsilon > 0 ? frame.copyIn(newFloats(memory.streams).fill(-Infinity)) : 0;
      writeSums(memory, { s, z: sums, exponents });
      forget(memory);
    } finally {
      frame.release();
    }
  }

  /** Whether S and z as they are read are not the plain sums: only those of ratios leave float32's range. */
  #hasExponents(memory) {
    if (!this.normalize || Math.fround(this.eps) !== 0) return false;
    const exponents = newFloats(memory.streams);
    readSums(memory, { exponents });
    return exponents.some((exponent) => exponent !== 0 && exponent !== -Infinity);
  }

  /** S or z: a tensor, or a Float32Array of as many floats. */
  #takePart(name, value, shape) {
    const part = kindOf(value) === 'Float32Array' ? new Given(name, null, value, shape) : takeTensor(name, value);
    if (!sameShape(part.shape, shape)) throw wrongShape(name, `[${shape.join(', ')}]`, part.shape);
    return part;
  }

  reset(rows) {
    const given = rows === undefined ? null : readRowList(takeKeyLengths('rows', rows), 0, this.batch);
    const memory = residentMemory('state', this);
    const chosen = given === null ? null : checkRowList(given, memory.batch);
    clearTransition(memory, chosen);
    for (let i = 0; i < (chosen ?? memory.lengths).length; i++) clearRow(memory, chosen === null ? i : chosen[i]);
    forget(memory);
  }

  select(rows) {
    const given = readRowList(takeKeyLengths('rows', rows), 1, mostRows(this[internal]));
    const memory = residentMemory('state', this);
    selectRows(this, memory, checkRowList(given, memory.batch));
    forget(memory);
  }

  copyFrom(other) {
    const memory = residentMemory('state', this);
    const from = memoryOf(memory.core, 'other', other, State, 'a State');
    requireAlike(this, 'other', other);
    if (other.start !== this.start) throw new RangeError(`other must have start ${this.start}, as this state has, got ${other.start}`);
    if (this.transition && !other.transition) throw new RangeError('other must have a transition, as this state has');
    if (from === memory) return;
    copyTransition(memory, from);
    copyRows(memory, from, allRows(memory));
    forget(memory);
  }

  clone() {
    const memory = residentMemory('state', this);
    const copy = new State(memory.core, Object.fromEntries([...OPTIONS.known].map((name) => [name, this[name]])));
    copyRows(copy[internal], memory, allRows(memory));
    copyHistory(copy[internal], memory);
    try {
      copyTransition(copy[internal], memory);
    } catch (error) {
      copy.dispose();
      throw error;
    }
    return copy;
  }

  merge(later) {
    const { core } = residentMemory('state', this);
    memoryOf(core, 'later', later, State, 'a State');
    mergeStates(this, later);
    return this;
  }

  save() {
    const { core, pointer, blockFloats, streamFloats, lengths, transition } = residentMemory('state', this);
    const matrix = transition?.matrix?.[internal];
    return packState(this, streamFloats, {
      state: core.floatsAt(pointer, blockFloats), lengths,
      start: this.start === 0 ? undefined : newArray(Float64Array, 1).fill(this.start),
      decays: transition?.decays,
      matrix: matrix && core.floatsAt(matrix.pointer, matrix.blockFloats),
    }, matrix?.streamFloats);
  }

  static restore(core, bytes) {
    core.check();
    const { options, map, arrays } = unpackState(bytes, (features, valueDim) => streamFloatsOf(core, features, valueDim));
    const featureMap = restoreStateMap(core, map);
    let state;
    try {
      state = new State(core, { ...options, featureMap, transition: arrays.decays !== undefined, start: arrays.start?.[0] });
      state.#restoreArrays(arrays);
    } catch (error) {
      state?.dispose();
      dropUnheld(featureMap);
      throw error;
    }
    return state;
  }

  /** What was saved: the block as it lay, or S, z and exponents of version 0.1.0. */
  #restoreArrays({ state, S, z, exponents, lengths, decays, matrix }) {
    const memory = this[internal];
    const { core, pointer, streams, features } = memory;
    if (state) core.f32.set(state, pointer >>> 2);
    else {
      const frame = new Frame(core);
      try {
        writeSums(memory, { s: frame.copyIn(S), z: z ? frame.copyIn(z) : zeros(frame, streams * features), exponents: exponents ? frame.copyIn(exponents) : 0 });
      } finally {
        frame.release();
      }
    }
    setLengths(memory, lengths);
    forget(memory);
    if (decays) restoreTransition(this, memory, decays, matrix);
  }

  rewind(n) {
    requireHistory(residentMemory('state', this));
    const counts = typeof n === 'number' ? n : readCounts(takeKeyLengths('n', n), this.batch);
    const memory = residentMemory('state', this);
    rewindTo(this, memory, lengthsBefore(memory, counts));
  }

  dispose() {
    const { pointer, transition } = this[internal];
    if (pointer !== 0) releaseMap(this.featureMap);
    transition?.matrix?.dispose();
    releaseMemory(this);
  }
}

if (Symbol.dispose) State.prototype[Symbol.dispose] = State.prototype.dispose;

const allRows = ({ batch }) => Array.from({ length: batch }, (_, row) => row);

/** A call without a result. */
const NO_OUT = { pointer: 0, length: 0 };

/** The z of states that are not normalised. */
function zeros(frame, length) {
  const pointer = frame.alloc(length * 4);
  frame.core.floatsAt(pointer, length).fill(0);
  return pointer;
}
