import { newArray, newFloats, outOfMemory } from '../core/arrays.js';
import { Frame } from '../core/core.js';
import { AttentionError, wrongShape } from '../core/errors.js';
import { asTheyAre, Given, optionTakers, takeOptions, takeTensor } from '../core/given.js';
import { locate, place, refuseStateOverlap } from '../core/operand.js';
import { internal, own, releaseMemory, residentMemory } from '../core/resident.js';
import { sameShape } from '../core/validate.js';
import { kindOf } from '../core/views.js';
import { checkFeatureMap, checkStateMapHeads, dropUnheld, holdMap, isPositional, isScaled, releaseMap } from '../maps/feature_map.js';
import { restoreStateMap } from '../maps/saved_map.js';
import { packState, unpackState } from './saved_state.js';
import { readStateOptions, STATE_OPTIONS } from './state_options.js';
import { readSums, writeSums } from './state_sums.js';
import { prepareStep, step, STEP_BYTES } from './step.js';

const OPTIONS = optionTakers(asTheyAre(...STATE_OPTIONS, 'featureMap'));

/** Positions are 31 bits of lengths: those of maps that look at them are whole, and the core divides others by powers of two alone. */
const POSITION_MASK = 2 ** 31 - 1;

/** The recurrent state of linear attention. In memory: what the core keeps, a block a stream; the arguments of steps; positions. */
export class State {
  /** Tokens that each row of the batch has seen: whole numbers, exact to 2^53. */
  #lengths;

  constructor(core, options) {
    const o = takeOptions('state', options, OPTIONS);
    core.check();
    Object.assign(this, readStateOptions(o));
    this.featureMap = checkFeatureMap(core, o.featureMap, this.dim);
    checkStateMapHeads(this.featureMap, this.heads);
    const { batch, valueDim, featureMap: { features } } = this;
    const streams = batch * this.heads;
    const streamFloats = core.exports.la_state_floats(features, valueDim) >>> 0;
    // More than can be addressed.
    if (streamFloats === 0) throw outOfMemory(8 * features * valueDim, 'WebAssembly');
    const blockBytes = streams * streamFloats * 4;
    const bytes = blockBytes + STEP_BYTES + batch * 4;
    this.#lengths = newArray(Float64Array, batch);
    const pointer = core.alloc(bytes);
    own(this, {
      core, pointer, length: bytes / 4, streams, streamFloats, features, valueDim,
      blockFloats: streams * streamFloats,
      stepArgs: pointer + blockBytes,
      positions: pointer + blockBytes + STEP_BYTES,
      lengths: this.#lengths,
      advance: (tokens, keyLengths) => this.#advance(tokens, keyLengths),
      setLengths: (lengths) => this.#setLengths(lengths),
    });
    holdMap(this.featureMap);
    prepareStep(this, this[internal]);
    this.#clear();
  }

  /** A state of zeros has seen nothing. */
  #clear() {
    const { core, pointer, blockFloats } = this[internal];
    core.floatsAt(pointer, blockFloats).fill(0);
    this.#lengths.fill(0);
    this.#setLengths(this.#lengths);
  }

  #advance(tokens, keyLengths) {
    const { core: { i32 }, positions } = this[internal];
    for (let b = 0; b < this.#lengths.length; b++) {
      const count = keyLengths === null ? tokens : keyLengths[b];
      this.#lengths[b] += count;
      i32[(positions >>> 2) + b] = (i32[(positions >>> 2) + b] + count) & POSITION_MASK;
    }
  }

  #setLengths(lengths) {
    const { core: { i32 }, positions } = this[internal];
    this.#lengths.set(lengths);
    for (let b = 0; b < lengths.length; b++) i32[(positions >>> 2) + b] = lengths[b] % (POSITION_MASK + 1);
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
    return this.#lengths.reduce((most, length) => Math.max(most, length), 0);
  }

  get bytes() {
    return this[internal].length * 4;
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

  reset() {
    residentMemory('state', this);
    this.#clear();
  }

  clone() {
    const { core, pointer, blockFloats } = residentMemory('state', this);
    const copy = new State(core, Object.fromEntries([...OPTIONS.known].map((name) => [name, this[name]])));
    core.f32.copyWithin(copy[internal].pointer >>> 2, pointer >>> 2, (pointer >>> 2) + blockFloats);
    copy.#setLengths(this.#lengths);
    return copy;
  }

  save() {
    const { core, pointer, blockFloats, streamFloats } = residentMemory('state', this);
    return packState(this, streamFloats, { state: core.floatsAt(pointer, blockFloats), lengths: this.#lengths });
  }

  static restore(core, bytes) {
    core.check();
    const { options, map, arrays, streamFloats } = unpackState(bytes, (features, valueDim) => core.exports.la_state_floats(features, valueDim) >>> 0);
    const featureMap = restoreStateMap(core, map);
    let state;
    try {
      state = new State(core, { ...options, featureMap });
      state.#restoreArrays(arrays);
    } catch (error) {
      state?.dispose();
      dropUnheld(featureMap);
      throw error;
    }
    return state;
  }

  /** What was saved: the block as it lay, or S, z and exponents of version 0.1.0. */
  #restoreArrays({ state, S, z, exponents, lengths }) {
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
    this.#setLengths(lengths);
  }

  dispose() {
    if (this[internal].pointer !== 0) releaseMap(this.featureMap);
    releaseMemory(this);
  }
}

if (Symbol.dispose) State.prototype[Symbol.dispose] = State.prototype.dispose;

/** A call without a result. */
const NO_OUT = { pointer: 0, length: 0 };

/** The z of states that are not normalised. */
function zeros(frame, length) {
  const pointer = frame.alloc(length * 4);
  frame.core.floatsAt(pointer, length).fill(0);
  return pointer;
}
