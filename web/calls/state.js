import { copyOf, newArray } from '../core/arrays.js';
import { Frame, INVALID_GATE } from '../core/core.js';
import { AttentionError, wrongShape } from '../core/errors.js';
import { asTheyAre, Given, optionTakers, takeNumbers, takeOptions, takeTensor } from '../core/given.js';
import { commitOut, locate, locateOut, place, refuseOverlap } from '../core/operand.js';
import { internal, own, releaseMemory, residentMemory } from '../core/resident.js';
import { elements, sameShape } from '../core/validate.js';
import { kindOf } from '../core/views.js';
import { checkFeatureMap, checkMapHeads, checkPositions, dropUnheld, holdMap, isPositional, isScaled, mapFields, releaseMap } from '../maps/feature_map.js';
import { restoreMap } from '../maps/saved_map.js';
import { betaChoices, decayChoices, gateField, invalidGate, readGate, shapeGate } from './gates.js';
import { packState, unpackState } from './saved_state.js';
import { exponentsShape, readStateOptions, STATE_OPTIONS } from './state_options.js';

const OPTIONS = optionTakers(asTheyAre(...STATE_OPTIONS, 'featureMap'));
const STEP_OPTIONS = optionTakers({ decay: takeNumbers, beta: takeNumbers, ...asTheyAre('out') });

/** The recurrent state of linear attention: S and behind it, when normalised, z and, of maps that may overflow, exponents. */
export class State {
  /** Tokens that each row of the batch has seen: whole numbers, exact to 2^53. */
  #lengths;

  constructor(core, options) {
    const o = takeOptions('state', options, OPTIONS);
    core.check();
    Object.assign(this, readStateOptions(o));
    this.featureMap = checkFeatureMap(core, o.featureMap, this.dim);
    checkMapHeads(this.featureMap, this.heads);
    const sumFloats = this.batch * this.heads * this.featureMap.features;
    const stateFloats = sumFloats * this.valueDim;
    const exponentFloats = elements(exponentsShape(this, isScaled(this.featureMap), this.featureMap.features) ?? [0]);
    const exponentsAt = stateFloats + (this.normalize ? sumFloats : 0);
    const length = exponentsAt + exponentFloats;
    const lengths = newArray(Float64Array, this.batch);
    const pointer = core.alloc(length * 4);
    this.#lengths = lengths;
    own(this, {
      core, pointer, length, stateFloats, sumFloats, exponentFloats,
      keySum: this.normalize ? pointer + stateFloats * 4 : 0,
      exponents: exponentFloats > 0 ? pointer + exponentsAt * 4 : 0,
      lengths: this.#lengths,
      advance: (tokens, keyLengths) => this.#advance(tokens, keyLengths),
    });
    holdMap(this.featureMap);
    this.#clear();
  }

  /** S = 0, z = 0; an exponent a head of −∞ says that nothing was seen. */
  #clear() {
    const { core, pointer, length, exponents, exponentFloats } = this[internal];
    core.floatsAt(pointer, length).fill(0);
    if (isScaled(this.featureMap)) core.floatsAt(exponents, exponentFloats).fill(-Infinity);
    this.#lengths.fill(0);
  }

  #advance(tokens, keyLengths) {
    for (let b = 0; b < this.#lengths.length; b++) this.#lengths[b] += keyLengths ? keyLengths[b] : tokens;
  }

  get data() {
    const { core, pointer, stateFloats } = residentMemory('state', this);
    return core.floatsAt(pointer, stateFloats);
  }

  get keySum() {
    const { core, keySum, sumFloats } = residentMemory('state', this);
    return this.normalize ? core.floatsAt(keySum, sumFloats) : null;
  }

  get length() {
    return this.#lengths.reduce((most, length) => Math.max(most, length), 0);
  }

  get bytes() {
    return this[internal].length * 4;
  }

  step(q, k, v, options) {
    const o = takeOptions('step', options, STEP_OPTIONS);
    const query = takeTensor('q', q);
    const key = takeTensor('k', k);
    const value = takeTensor('v', v);
    const { batch, heads, dim, valueDim, featureMap } = this;
    const queryHeads = query.shape[query.shape.length - 2];
    this.#checkToken(query, queryHeads, dim, 'a multiple of heads');
    if (!(queryHeads >= heads) || queryHeads % heads !== 0) throw wrongShape('q', `[batch, query heads, dim] with query heads a multiple of ${heads}`, query.shape);
    this.#checkToken(key, heads, dim, heads);
    this.#checkToken(value, heads, valueDim, heads);
    const axes = () => [['batch', batch], ['heads', heads]].slice(3 - query.shape.length);
    const decayShapes = () => decayChoices(axes(), featureMap.features);
    const betaShapes = () => betaChoices(axes());
    const decay = readGate(o.decay, decayShapes);
    const beta = readGate(o.beta, betaShapes);
    const memory = residentMemory('state', this);
    const { core } = memory;
    const places = [query, key, value, decay, beta];
    for (const place of places) if (place !== null) locate(core, place);
    shapeGate(decay, decayShapes);
    shapeGate(beta, betaShapes);
    const shape = query.shape.slice();
    shape[shape.length - 1] = valueDim;
    const out = locateOut(core, o.out, shape);
    const map = mapFields(featureMap);
    const positions = checkPositions(featureMap, this.#lengths, 1, 'the sequence');
    refuseOverlap(out, 'out', places);
    const held = [memory];
    refuseOverlap(out, 'out', held, 'state');
    for (const place of places) if (place !== null) refuseOverlap(place, place.name, held, 'state');
    const frame = new Frame(core);
    try {
      const pointer = out.pointer || frame.alloc(out.length * 4);
      const array = (data, count, width) => ({ data, batch: count * width, head: width, row: width });
      const args = {
        batch, heads: queryHeads, kv_heads: heads, n_q: 1, n_k: 1, dim, value_dim: valueDim, causal: 1, normalize: this.normalize ? 1 : 0,
        scale: this.scale, eps: this.eps, map, positions: positions ? frame.copyIn(positions) : 0,
        q: array(place(frame, query), queryHeads, dim), k: array(place(frame, key), heads, dim), v: array(place(frame, value), heads, valueDim),
        out: array(pointer, queryHeads, valueDim), decay: gateField(frame, decay), beta: gateField(frame, beta),
        state: memory.pointer, key_sum: memory.keySum, exponents: memory.exponents,
      };
      core.run({ call: 'la_linear', args, sliceable: false }, { [INVALID_GATE]: () => invalidGate(core, { decay, beta }) });
      this.#advance(1);
      return commitOut(core, out, pointer);
    } finally {
      frame.release();
    }
  }

  #checkToken({ name, shape }, heads, width, expectedHeads) {
    const { batch } = this;
    const fits = shape.length === 3 ? shape[0] === batch : shape.length === 2 && batch === 1;
    if (!fits || shape[shape.length - 2] !== heads || shape[shape.length - 1] !== width) throw wrongShape(name, `[${batch}, ${expectedHeads}, ${width}]`, shape);
  }

  set(S, z) {
    const { batch, heads, valueDim } = this;
    const { features, name } = this.featureMap;
    const given = this.#takePart('S', S, [batch, heads, features, valueDim]);
    const also = isPositional(this.featureMap) ? 'a position' : isScaled(this.featureMap) || this.#hasExponents() ? 'exponents' : null;
    if (also && this.length > 0) {
      throw new AttentionError('unsupported', `set: a state of '${name}' that has seen tokens holds ${also} beside S and z, which set() cannot give: reset() it first, or take save() and restore(), or clone()`);
    }
    if (this.normalize === (z === undefined || z === null)) {
      throw new TypeError(this.normalize ? 'z must be given: this state is normalised' : 'z must not be given: this state is not normalised');
    }
    const givenSum = this.normalize ? this.#takePart('z', z, [batch, heads, features]) : null;
    const memory = residentMemory('state', this);
    const state = locate(memory.core, given);
    const sum = givenSum && locate(memory.core, givenSum);
    if (sum) refuseOverlap(sum, 'z', [{ pointer: memory.pointer, length: memory.stateFloats }], 'S of the state');
    const { f32 } = memory.core;
    const write = (part, at) => {
      if (part.data !== null) f32.set(part.data, at >>> 2);
      else f32.copyWithin(at >>> 2, part.pointer >>> 2, (part.pointer >>> 2) + part.length);
    };
    write(state, memory.pointer);
    if (sum) write(sum, memory.keySum);
    // A map's own epsilon is relative to what was seen, of which S and z tell nothing.
    if (memory.exponentFloats > 0 && !(this.featureMap.options.epsilon > 0)) memory.core.floatsAt(memory.exponents, memory.exponentFloats).fill(0);
  }

  /** Whether S and z as they lie are not the plain sums. */
  #hasExponents() {
    const { core, exponents, exponentFloats } = residentMemory('state', this);
    return exponentFloats > 0 && core.floatsAt(exponents, exponentFloats).some((exponent) => Number.isFinite(exponent) && exponent !== 0);
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
    const { core, pointer, length } = residentMemory('state', this);
    const copy = new State(core, Object.fromEntries([...OPTIONS.known].map((name) => [name, this[name]])));
    core.f32.copyWithin(copy[internal].pointer >>> 2, pointer >>> 2, (pointer >>> 2) + length);
    copy.#lengths.set(this.#lengths);
    return copy;
  }

  save() {
    const { core, pointer, stateFloats, keySum, sumFloats, exponents, exponentFloats } = residentMemory('state', this);
    const arrays = {
      S: core.floatsAt(pointer, stateFloats),
      ...(keySum && { z: core.floatsAt(keySum, sumFloats) }),
      ...(exponents && { exponents: core.floatsAt(exponents, exponentFloats) }),
      lengths: copyOf(this.#lengths),
    };
    return packState(this, arrays);
  }

  static restore(core, bytes) {
    core.check();
    const { options, map, arrays } = unpackState(bytes);
    const featureMap = restoreMap(core, map);
    let state;
    try {
      state = new State(core, { ...options, featureMap });
    } catch (error) {
      dropUnheld(featureMap);
      throw error;
    }
    const { pointer, keySum, exponents } = state[internal];
    core.f32.set(arrays.S, pointer >>> 2);
    if (arrays.z) core.f32.set(arrays.z, keySum >>> 2);
    if (arrays.exponents) core.f32.set(arrays.exponents, exponents >>> 2);

    state.#lengths.set(arrays.lengths);
    return state;
  }

  dispose() {
    if (this[internal].pointer !== 0) releaseMap(this.featureMap);
    releaseMemory(this);
  }
}

if (Symbol.dispose) State.prototype[Symbol.dispose] = State.prototype.dispose;
