/**
 * Attention in float64, straight from the formulas: what the C core is measured against.
 *
 * Tensors are { data, shape } with shape [batch, heads, length, dim]; results hold Float64Arrays.
 * No tiling, no online maximum, no blocking: the Tq×Tk matrix is stored and the recurrence is stepped.
 */
export { softmax, softmaxPart } from './oracle/softmax.js';
export { linear } from './oracle/linear.js';
export { gap, weights } from './oracle/gap.js';
export * from './oracle/feature_maps.js';
export { randomRows } from './oracle/random.js';
