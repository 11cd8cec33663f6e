/** The states whose saved bytes of version 0.1.0 lie in golden/saved-0.1.0: one of each thing that such a file may hold. */
import { gaussian, inputs } from './util.js';

/** map: name and options of the feature map; state: other options; deviation: of q and k. */
export const savedCases = {
  elu: { map: ['elu'], state: { scale: 0.5, eps: 1e-5 } },
  'not-normalised': { map: ['identity'], state: { normalize: false, scale: 1 / 3 } },
  favor: { map: ['favor', { features: 8, seed: 2 ** 52 + 1, normTerm: false }], deviation: 20 },
  projection: { map: ['rff', { projection: gaussian([4, 3], 7) }], deviation: 0.3 },
  learned: { map: ['learned', { weights: gaussian([2, 3, 4], 1), bias: gaussian([4], 2), keyWeights: gaussian([3, 4], 3) }] },
  cosformer: { map: ['cosformer', { maxLength: 40 }] },
};

/** A state of this case that has seen 11 tokens, and its map, which the caller disposes of. */
export function fillSavedCase(attention, { map: [name, options], state: rest, deviation = 1 }) {
  const map = attention.featureMap(name, { dim: 3, ...options });
  const state = attention.state({ batch: 2, heads: 2, dim: 3, valueDim: 5, featureMap: map, ...rest });
  attention.linear(...Object.values(inputs({ batch: 2, heads: 2, T: 11, dim: 3, valueDim: 5, deviation })), { causal: true, state });
  return { state, map };
}
