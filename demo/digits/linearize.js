// The softmax model with its attention replaced: a map for each head, learned so that linear attention answers as softmax does.
import { readSafetensors, toFloat32, writeSafetensors } from 'linear-attention-wasm/nn';

/** What is learned, by the names of the library's options and of the tensors in a file. */
const tensorNames = { weights: 'query.weight', bias: 'query.bias', keyWeights: 'key.weight', keyBias: 'key.bias' };

/**
 * Maps of all heads as a file: tensors [heads, dim, columns] and [heads, columns], layer after layer, and how to make maps
 * of them in its metadata.
 * @param {{ name: string, options: object, weights: Record<string, { data: Float32Array, shape: number[] }> }} map a feature map of all heads
 */
export function writeMaps({ name, options, weights }) {
  const tensors = Object.fromEntries(Object.entries(tensorNames).map(([option, tensor]) => [tensor, weights[option]]));
  return writeSafetensors({ tensors, metadata: { map: name, options: JSON.stringify(options) } });
}

/** { name, options, weights } of such a file; every number is finite. */
export function readMaps(file) {
  const { tensors, metadata } = readSafetensors(file);
  const take = (name) => {
    if (!tensors.has(name)) throw new Error(`the maps have no tensor ${name}`);
    const tensor = toFloat32(tensors.get(name));
    if (!tensor.data.every(Number.isFinite)) throw new Error(`the tensor ${name} of the maps has a number that is not finite`);
    return tensor;
  };
  if (metadata?.map === undefined) throw new Error('the maps do not say in their metadata what map they are: npm run learn -- --out writes such a file');
  const weights = Object.fromEntries(Object.entries(tensorNames).map(([option, tensor]) => [option, take(tensor)]));
  return { name: metadata.map, options: readOptions(metadata.options ?? '{}'), weights };
}

function readOptions(text) {
  try {
    const options = JSON.parse(text);
    if (options !== null && typeof options === 'object' && !Array.isArray(options)) return options;
  } catch {
    // What is no JSON is no object either.
  }
  throw new Error(`the options in the metadata of the maps must be an object as JSON, got ${text}`);
}

/** The map of head `n` alone, out of those of many. */
export function oneHead({ name, options, weights }, n) {
  const own = ({ data, shape: [heads, ...rest] }) => {
    const size = data.length / heads;
    return { data: data.slice(n * size, (n + 1) * size), shape: [1, ...rest] };
  };
  return { name, options, weights: Object.fromEntries(Object.entries(weights).map(([option, array]) => [option, own(array)])) };
}

/** Maps of one kind, of some heads each, as one of all their heads in their order. */
export function joinHeads(maps) {
  const [{ name, options, weights }] = maps;
  const join = (option) => {
    const parts = maps.map((map) => map.weights[option]);
    const data = new Float32Array(parts.reduce((sum, part) => sum + part.data.length, 0));
    parts.reduce((at, part) => (data.set(part.data, at), at + part.data.length), 0);
    return { data, shape: [parts.reduce((sum, part) => sum + part.shape[0], 0), ...parts[0].shape.slice(1)] };
  };
  return { name, options, weights: Object.fromEntries(Object.keys(weights).map((option) => [option, join(option)])) };
}

/**
 * One feature map a layer out of those of many heads; they are the caller's to give back.
 * @param {{ layer: number, head: number }[]} chosen where the heads of the map stand, in their order; heads of a layer that
 *   are not among them get weights of zero
 * @returns {(object | undefined)[]} by layer, none where no head of it was chosen
 */
export function layerMaps({ attention, sizes }, { name, options, weights }, chosen) {
  const maps = [];
  const one = (layer) => {
    const arrays = Object.entries(weights).map(([option, { data, shape: [, ...rest] }]) => {
      const size = data.length / chosen.length;
      const own = new Float32Array(sizes.heads * size);
      chosen.forEach(({ layer: at, head }, n) => at === layer && own.set(data.subarray(n * size, (n + 1) * size), head * size));
      return [option, { data: own, shape: [sizes.heads, ...rest] }];
    });
    return attention.featureMap(name, { dim: sizes.dim, ...options, ...Object.fromEntries(arrays) });
  };
  try {
    for (let layer = 0; layer < sizes.layers; layer++) maps.push(chosen.some((head) => head.layer === layer) ? one(layer) : undefined);
  } catch (error) {
    for (const map of maps) map?.dispose();
    throw error;
  }
  return maps;
}

/** Every head of a model, layer after layer. */
export const allHeads = ({ layers, heads }) => Array.from({ length: layers * heads }, (_, n) => ({ layer: Math.floor(n / heads), head: n % heads }));

/** A model trained with softmax that attends linearly, under these maps of all its heads. */
export function linearize(model, maps) {
  const chosen = allHeads(model.sizes);
  const [heads, dim] = maps.weights.weights.shape;
  if (heads !== chosen.length || dim !== model.sizes.dim) throw new Error(`the maps must be of ${chosen.length} heads of dim ${model.sizes.dim}, got ${heads} of dim ${dim}`);
  const featureMaps = layerMaps(model, maps, chosen);
  return { ...model, kind: 'linear', featureMaps, dispose: () => featureMaps.forEach((map) => map.dispose()) };
}
