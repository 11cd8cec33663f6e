// The feature maps that the page compares, and how each is made for a measurement.

/** Maps without options but dim: what the time and the stream are measured with. */
export const plainMaps = ['elu', 'relu', 'identity'];

/** Every map of the gap. The learned one (T2R) is left out: it is nothing without its training. */
export const featureMaps = [...plainMaps, 'taylor', 'favor', 'rff', 'dpfp', 'hedgehog', 'cosformer'];

/** What the gap shows at first. */
export const firstMaps = ['elu', 'relu', 'taylor', 'favor'];

/** Features of a random map. */
export const featureCounts = [16, 32, 64, 128, 256, 512, 1024];

const optionsOf = {
  favor: ({ features, seed }) => ({ features, seed }),
  rff: ({ features, seed }) => ({ features, seed }),
  cosformer: ({ length }) => ({ maxLength: length }),
};

/** Calls `use` with the map for vectors of `dim`, which is then given back. */
export function withMap(attention, featureMap, { dim, features, seed = 0, length }, use) {
  const options = optionsOf[featureMap]?.({ features, seed, length });
  return options ? withMade(attention, featureMap, { dim, ...options }, use) : use(featureMap);
}

/** Calls `use` with a map of these options, which is then given back. */
export function withMade(attention, featureMap, options, use) {
  const map = attention.featureMap(featureMap, options);
  try {
    return use(map);
  } finally {
    map.dispose();
  }
}
