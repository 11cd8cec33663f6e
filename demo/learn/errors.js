// How far linear attention under a map is from softmax attention, a head over many digits.
import { headInputs } from './heads.js';

/** ‖S‖² of each head of one digit. */
function softmaxSquares(attention, { q, k, v }) {
  const { data, shape: [heads, length, dim] } = attention.softmax(q, k, v, { causal: true });
  const part = length * dim;
  return Array.from({ length: heads }, (_, h) => data.subarray(h * part, (h + 1) * part).reduce((sum, x) => sum + x * x, 0));
}

/**
 * The errors of maps on digits, all maps in one pass over the digits.
 * @param {ArrayLike<number>[]} digits sequences of tokens
 * @param {Record<string, object | string>} maps each by a name of its own, a feature map for the chosen heads or for all of them
 * @param {(done: number) => void} [onDigit]
 * @returns {Record<string, { error: number[], kl: number[] }>} by map, of each chosen head: ‖L − S‖/‖S‖ over all digits, and
 *   the mean divergence of its weights from softmax's in nats
 */
export function measureErrors(model, digits, chosen, maps, onDigit = () => {}) {
  const { attention } = model;
  const sums = () => new Float64Array(chosen.length);
  const names = Object.keys(maps);
  const size = sums();
  const measured = Object.fromEntries(names.map((name) => [name, { square: sums(), kl: sums() }]));
  digits.forEach((tokens, done) => {
    const { q, k, v } = headInputs(model, tokens, chosen);
    const squares = softmaxSquares(attention, { q, k, v });
    squares.forEach((square, h) => (size[h] += square));
    for (const name of names) {
      const { square, kl } = measured[name];
      attention.gap(q, k, v, { featureMap: maps[name], causal: true }).perHead.forEach(({ relativeError, weightKL }, h) => {
        square[h] += relativeError ** 2 * squares[h];
        kl[h] += weightKL / digits.length;
      });
    }
    onDigit(done + 1);
  });
  const errorOf = (square) => Array.from(square, (sum, h) => Math.sqrt(sum / size[h]));
  return Object.fromEntries(names.map((name) => [name, { error: errorOf(measured[name].square), kl: Array.from(measured[name].kl) }]));
}

/** The mean over heads. */
export const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
