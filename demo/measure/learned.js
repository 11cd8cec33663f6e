// Learned maps as the page knows them: which kinds there are, and files of them, of one head or of all.
import { oneHead, readMaps } from '../digits/linearize.js';
import { headChoices, layers, trainedDim } from './heads.js';
import { withMap } from './maps.js';

/** What can be learned: how `distill` is told. */
export const learnable = {
  hedgehog: { map: 'hedgehog' },
  'learned exp': { map: 'learned', activation: 'exp' },
  'learned relu': { map: 'learned', activation: 'relu' },
};
export const learnableNames = Object.keys(learnable);

/** Heads of the trained model. */
export const headCount = layers.length * (headChoices.length - 1);

const nameOf = ({ name, options: { activation = name === 'learned' ? 'relu' : undefined } }) =>
  learnableNames.find((one) => learnable[one].map === name && learnable[one].activation === activation);

/** The feature map of maps that were read or learned, of all their heads; the caller's to give back. */
export const mapOf = (attention, { name, options, weights }) => attention.featureMap(name, { dim: trainedDim, ...options, ...weights });

/**
 * What a file of maps holds.
 * @param {Uint8Array} bytes
 * @returns {{ map: string, heads: number, features: number }} map is one of learnableNames
 * @throws where it is no such file, or not of this model
 */
export function describeMaps(attention, bytes) {
  const maps = readMaps(bytes);
  const map = nameOf(maps);
  if (map === undefined) throw new Error(`the maps must be hedgehog or learned, got ${maps.name} ${JSON.stringify(maps.options)}`);
  const [heads, dim] = maps.weights.weights.shape;
  if (![1, headCount].includes(heads) || dim !== trainedDim) throw new Error(`the maps must be of one head or of all ${headCount}, of dim ${trainedDim}, got ${heads} of dim ${dim}`);
  return withMap(mapOf(attention, maps), ({ features }) => ({ map, heads, features }));
}

/** The maps of a file for one head of the model: those of that head, or the only ones. Both are counted from 1. */
export function headMaps(bytes, { layer, head }) {
  const maps = readMaps(bytes);
  const heads = maps.weights.weights.shape[0];
  return heads === 1 ? maps : oneHead(maps, (layer - 1) * (heads / layers.length) + Number(head) - 1);
}
