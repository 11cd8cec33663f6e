/** Gradients of what a feature map was made with: W and b, of a head or shared by all, of keys their own or the queries'. */
import { newArray, floatsFrom } from '../core/arrays.js';
import { internal } from '../core/resident.js';
import { elements } from '../core/validate.js';
import { roomFor } from './results.js';

/** By option of a map: the name of its gradient, its rank without heads, and what the core calls it of queries and of keys. */
const LEARNED = {
  weights: { result: 'dWeights', rank: 2, ofQueries: 'query_weights', ofKeys: 'key_weights', own: 'keyWeights' },
  bias: { result: 'dBias', rank: 1, ofQueries: 'query_bias', ofKeys: 'key_bias', own: 'keyBias' },
  keyWeights: { result: 'dKeyWeights', rank: 2, ofKeys: 'key_weights' },
  keyBias: { result: 'dKeyBias', rank: 1, ofKeys: 'key_bias' },
};

/** The gradients that a call has of a map's options: what is written for each of them. */
export class MapGradient {
  /** With room for each in `frame`. */
  constructor(frame, map) {
    this.heads = map.heads;
    const { arrays } = map[internal];
    /** The options that were given, each with the gradients that add up to its own. */
    this.given = Object.keys(LEARNED).filter((name) => arrays[name] !== undefined).map((name) => {
      const { result, rank, ofQueries, ofKeys, own } = LEARNED[name];
      const { shape } = arrays[name];
      const size = elements(shape.slice(-rank));
      return { result, shape, size, parts: [ofQueries, own !== undefined && arrays[own] !== undefined ? undefined : ofKeys].filter((part) => part !== undefined) };
    });
    /** An la_map_gradient. */
    this.fields = {};
    for (const { size, parts } of this.given) for (const part of parts) this.fields[part] = roomFor(frame, map.heads * size);
  }

  /** { dWeights, … } of those that were given, in their shapes. */
  results(core) {
    return Object.fromEntries(this.given.map(({ result, shape, size, parts }) => {
      const length = elements(shape);
      const sums = newArray(Float64Array, length);
      for (const part of parts) {
        const floats = core.floatsAt(this.fields[part], this.heads * size);
        for (let i = 0; i < floats.length; i++) sums[i % length] += floats[i];
      }
      return [result, { data: floatsFrom(sums), shape: [...shape] }];
    }));
  }
}
