import { AttentionError, wrongShape } from '../core/errors.js';
import { checkFeatureMap, checkMapHeads, checkPositions, dropUnheld, holdMap, isPositional, isScaled, mapFields, releaseMap } from '../maps/feature_map.js';
import { gateFields, positiveDecay, readBeta, readDecay } from './gates.js';
import { float, Frame, POSITIVE_DECAY } from '../core/core.js';
import { commitOut, place, readFloats, readOperand, readOut, refuseOverlap } from '../core/operand.js';
import { packState, unpackState } from './saved_state.js';
import { restoreMap } from '../maps/saved_map.js';
import { readStateOptions, STATE_OPTIONS } from './state_options.js';
import { internal, releaseMemory, residentMemory } from '../core/tensor.js';
import { checkOptions, sameShape } from '../core/validate.js';

const OPTIONS = [...STATE_OPTIONS, 'featureMap'];

/** The recurrent state of linear attention: S and behind it, when normalised, z and, of maps that may overflow, exponents. */
export class State {
  #length = 0;

  constructor(core, options) {
    core.check();
    const o = checkOptions('state', options, OPTIONS);
    Object.assign(this, readStateOptions(o));
    this.featureMap = checkFeatureMap(core, o.featureMap, this.dim);
    checkMapHeads(this.featureMap, this.heads);
    const sumFloats = this.batch * this.heads * this.featureMap.features;
    const stateFloats = sumFloats * this.valueDim;
    const exponentFloats = isScaled(this.featureMap) ? this.batch * this.heads : 0;
    const exponentsAt = stateFloats + (this.normalize ? sumFloats : 0);
    const length = exponentsAt + exponentFloats;
    const pointer = core.alloc(length * 4);
    this[internal] = {
      core, pointer, length, stateFloats, sumFloats, exponentFloats,
      keySum: this.normalize ? pointer + stateFloats * 4 : 0,
      exponents: exponentFloats > 0 ? pointer + exponentsAt * 4 : 0,
      advance: (tokens) => { this.#length += tokens; },
    };
    holdMap(this.featureMap);
    Object.freeze(this);
    this.#clear();
  }

  /** S = 0, z = 0; an exponent of −∞ says that nothing was seen. */
  #clear() {
    const { core, pointer, length, exponents, exponentFloats } = this[internal];
    core.floatsAt(pointer, length).fill(0);
    if (exponentFloats > 0) core.floatsAt(exponents, exponentFloats).fill(-Infinity);
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
    return this.#length;
  }

  get bytes() {
    return this[internal].length * 4;
  }

  step(q, k, v, options) {
    const memory = residentMemory('state', this);
    const { core } = memory;
    const o = checkOptions('step', options, ['decay', 'beta', 'out']);
    const query = readOperand(core, 'q', q);
    const key = readOperand(core, 'k', k);
    const value = readOperand(core, 'v', v);
    const { batch, heads, dim, valueDim } = this;
    const queryHeads = query.shape[query.shape.length - 2];
    this.#checkToken(query, queryHeads, dim, 'a multiple of heads');
    if (!(queryHeads >= heads) || queryHeads % heads !== 0) throw wrongShape('q', `[batch, query heads, dim] with query heads a multiple of ${heads}`, query.shape);
    this.#checkToken(key, heads, dim, heads);
    this.#checkToken(value, heads, valueDim, heads);
    const out = readOut(core, o.out, [...query.shape.slice(0, -1), valueDim]);
    const axes = [['batch', batch], ['heads', heads]].slice(3 - query.shape.length);
    const decay = readDecay(core, o.decay, axes, this.featureMap.features);
    const beta = readBeta(core, o.beta, axes);
    checkPositions(this.featureMap, this.#length + 1, 'the sequence');
    const own = { name: 'state', pointer: memory.pointer, length: memory.length };
    const given = [query, key, value, ...[decay, beta].filter((gate) => gate !== null)];
    refuseOverlap('out', out, [...given, own]);
    for (const input of given) refuseOverlap(input.name, input, [own]);
    const frame = new Frame(core);
    try {
      const pointer = out.pointer || frame.alloc(out.length * 4);
      core.pass('la_linear', [
        batch, queryHeads, heads, 1, 1, dim, valueDim, 1, this.normalize ? 1 : 0, float(this.scale), float(this.eps), ...mapFields(this.featureMap), this.#length, 0,
        place(frame, query), queryHeads * dim, dim, dim,
        place(frame, key), heads * dim, dim, dim,
        place(frame, value), heads * valueDim, valueDim, valueDim,
        pointer, queryHeads * valueDim, valueDim, valueDim,
        ...gateFields(frame, decay), ...gateFields(frame, beta), 0, 0, 0, 0, 0, 0,
        memory.pointer, memory.keySum, memory.exponents,
      ], { [POSITIVE_DECAY]: () => positiveDecay(core, decay) });
      this.#length += 1;
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
    const memory = residentMemory('state', this);
    const { batch, heads, valueDim } = this;
    const { features, name } = this.featureMap;
    const also = isScaled(this.featureMap) ? 'exponents' : isPositional(this.featureMap) ? 'a position' : null;
    if (also && this.#length > 0) {
      throw new AttentionError('unsupported', `set: a state of '${name}' that has seen tokens holds ${also} beside S and z, which set() cannot give: reset() it first, or take save() and restore(), or clone()`);
    }
    const state = this.#readPart('S', S, [batch, heads, features, valueDim]);
    if (this.normalize === (z === undefined || z === null)) {
      throw new TypeError(this.normalize ? 'z must be given: this state is normalised' : 'z must not be given: this state is not normalised');
    }
    const sum = this.normalize ? this.#readPart('z', z, [batch, heads, features]) : null;
    if (sum) refuseOverlap('z', sum, [{ name: 'S of the state', pointer: memory.pointer, length: memory.stateFloats }]);
    const { f32 } = memory.core;
    const write = (part, at) => {
      if (part.data) f32.set(part.data, at >>> 2);
      else f32.copyWithin(at >>> 2, part.pointer >>> 2, (part.pointer >>> 2) + part.length);
    };
    write(state, memory.pointer);
    if (sum) write(sum, memory.keySum);
    // A map's own epsilon is relative to what was seen, of which S and z tell nothing.
    if (memory.exponentFloats > 0 && !(this.featureMap.options.epsilon > 0)) memory.core.floatsAt(memory.exponents, memory.exponentFloats).fill(0);
  }

  #readPart(name, value, shape) {
    const { core } = this[internal];
    const part = value instanceof Float32Array ? readFloats(core, name, value, shape) : readOperand(core, name, value);
    if (!sameShape(Array.from(part.shape), shape)) throw wrongShape(name, `[${shape.join(', ')}]`, part.shape);
    return part;
  }

  reset() {
    residentMemory('state', this);
    this.#clear();
    this.#length = 0;
  }

  clone() {
    const { core, pointer, length } = residentMemory('state', this);
    const copy = new State(core, Object.fromEntries(OPTIONS.map((name) => [name, this[name]])));
    core.f32.copyWithin(copy[internal].pointer >>> 2, pointer >>> 2, (pointer >>> 2) + length);
    copy.#length = this.#length;
    return copy;
  }

  save() {
    const { core, pointer, stateFloats, keySum, sumFloats, exponents, exponentFloats } = residentMemory('state', this);
    const arrays = {
      S: core.floatsAt(pointer, stateFloats),
      ...(keySum && { z: core.floatsAt(keySum, sumFloats) }),
      ...(exponents && { exponents: core.floatsAt(exponents, exponentFloats) }),
      lengths: new Float64Array(this.batch).fill(this.#length),
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
    state.#length = arrays.lengths[0];
    return state;
  }

  dispose() {
    if (this[internal].pointer !== 0) releaseMap(this.featureMap);
    releaseMemory(this);
  }
}

if (Symbol.dispose) State.prototype[Symbol.dispose] = State.prototype.dispose;
