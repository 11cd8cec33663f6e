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
  favor: ({ features, seed = 0 }) => ({ features, seed }),
  rff: ({ features, seed = 0 }) => ({ features, seed }),
  cosformer: ({ maxLength }) => ({ maxLength }),
};

/** How many features a map makes of vectors of `dim`; `features` is the choice that random ones leave. */
export function featuresOf(name, { dim, features }) {
  if (isRandom(name)) return features;
  if (name === 'taylor') return 1 + dim + (dim * (dim + 1)) / 2;
  return plainMaps.includes(name) ? dim : 2 * dim;
}

/** Whether a map has a number of features and a seed to choose. */
export const isRandom = (name) => ['favor', 'rff'].includes(name);

/**
 * A map for vectors of `dim`, of those of the given options that it takes; it is the caller's to give back.
 * @param {{ dim: number, features?: number, seed?: number, maxLength?: number }} options maxLength: the longest
 *   sequence of the comparison, since cosformer's weights depend on it
 */
export const makeMap = (attention, name, { dim, ...given }) =>
  attention.featureMap(name, { dim, ...optionsOf[name]?.(given) });

/** Maps whose features are all above 0: no sum of theirs needs a guard, and eps would pull small ones towards the mean of V. */
const positive = ['elu', 'taylor', 'favor', 'hedgehog'];

/** The eps of a call with a map, as an option: 0 where it may be, else the library's. */
export const epsOf = (name) => (positive.includes(name) ? { eps: 0 } : {});

/** Calls `use` with a map, which is then given back. */
export function withMap(map, use) {
  try {
    return use(map);
  } finally {
    map.dispose();
  }
}
