// Queries, keys and values of the trained softmax model on a real digit, in place of random numbers.
import { powersOfTwo } from './statistics.js';

export const sources = ['random numbers', 'a trained model'];
export const layers = [1, 2, 3, 4, 5, 6];
export const headChoices = ['all four', '1', '2', '3', '4'];
/** Pixels of an image: the longest sequence. */
export const imageLength = 784;

export const isTrained = (source) => source === sources[1];

/** Settings with `causal` as the source has it: the trained model is. */
export const asSourced = (settings) => ({ ...settings, causal: settings.causal || isTrained(settings.source) });

/** Lengths of a sweep up to `maxLength`: powers of two, and the whole image. */
const trainedLengths = (shortest, maxLength) => [...powersOfTwo(shortest, Math.min(maxLength, 512)), ...(maxLength >= imageLength ? [imageLength] : [])];

/** Length of the trained heads' vectors. */
export const trainedDim = 32;

/** The lengths of a sweep: up to `imageLength` in an image, up to `length` of random numbers. */
export const lengthsOf = ({ source, length, imageLength: longest }, shortest) => (isTrained(source) ? trainedLengths(shortest, longest) : powersOfTwo(shortest, length));

/** What every layer of the softmax model attends with as it looks at a real digit. */
export const probeDigit = ({ models, examples }, digit) => models.softmax.probe([digit, ...examples[digit].subarray(0, imageLength - 1)]);

/**
 * Inputs for measureGap and measureWeights from one layer. A shorter sequence is the middle of the image, where the ink is,
 * without what comes before it.
 * @param {{ models: object, examples: Uint8Array[] }} digits read when inputs are asked for
 * @returns {(options: { digit: number, layer: number, head: string, length: number, norm?: number }) => { q, k, v }}
 *   q and k times norm, each [1, heads, length, dim]
 */
export function headInputs(digits) {
  let probed = null;
  let layers;
  const probe = (digit, layer) => {
    if (probed !== digit) layers = probeDigit(digits, digit);
    probed = digit;
    return layers[layer - 1];
  };
  return ({ digit, layer, head, length, norm = 1 }) => {
    const { q, k, v } = probe(Number(digit), layer);
    const [, all] = q.shape;
    const chosen = head === headChoices[0] ? Array.from({ length: all }, (_, i) => i) : [Number(head) - 1];
    return { q: part(q, chosen, length, norm), k: part(k, chosen, length, norm), v: part(v, chosen, length, 1) };
  };
}

/** The middle `length` rows of the chosen heads of [1, heads, rows, dim], times `factor`. */
function part({ data, shape: [, , rows, dim] }, heads, length, factor) {
  const start = Math.floor((rows - length) / 2) * dim;
  const out = new Float32Array(heads.length * length * dim);
  heads.forEach((head, i) => {
    const from = head * rows * dim + start;
    out.set(data.subarray(from, from + length * dim), i * length * dim);
  });
  return { data: factor === 1 ? out : out.map((value) => factor * value), shape: [1, heads.length, length, dim] };
}
