// How well a model predicts digits, with its own attention or with that of feature maps in place of it.
import { attendToAll, createWork } from '../digits/model.js';

/** Digits that run together: enough for the dense layers to be fast. */
const TOGETHER = 4;

/** log₂ of the probability that softmax of the logits gives to `token`. */
function logProbability(logits, token) {
  let most = -Infinity;
  for (let i = 0; i < logits.length; i++) most = Math.max(most, logits[i]);
  let sum = 0;
  for (let i = 0; i < logits.length; i++) sum += Math.exp(logits[i] - most);
  return (logits[token] - most - Math.log(sum)) / Math.LN2;
}

/**
 * Attention with maps in the place of softmax: those heads of a layer that are replaced attend linearly, the others as before.
 * @param {{ map: object | string, heads: number[] }[]} replaced by layer; a layer that has none stays as it is
 */
export function replacedAttention({ attention, config, sizes }, replaced) {
  const { heads: all, dim } = sizes;
  const attend = attendToAll(attention, config);
  return (layer, q, k, v, out) => {
    const one = replaced[layer];
    if (!one) return void attend(q, k, v, out);
    attention.linear(q, k, v, { featureMap: one.map, causal: true, layout: 'bthd', out });
    if (one.heads.length === all) return;
    const kept = attention.softmax(q, k, v, { causal: true, layout: 'bthd' }).data;
    const to = out.data;
    for (let row = 0; row < kept.length; row += all * dim) {
      for (let head = 0; head < all; head++) {
        if (!one.heads.includes(head)) to.set(kept.subarray(row + head * dim, row + (head + 1) * dim), row + head * dim);
      }
    }
  };
}

/**
 * Mean bits a pixel over digits, every pixel given those before it.
 * @param {Int32Array[]} digits sequences of tokens
 * @param {(layer: number, q: object, k: object, v: object, out: object) => void} attend
 */
export function bitsPerDim(model, digits, attend, onDigit = () => {}) {
  const { attention, sizes } = model;
  const { length, levels } = sizes;
  const together = Math.min(TOGETHER, digits.length);
  let total = 0;
  for (let first = 0; first < digits.length; first += together) {
    const some = digits.slice(first, first + together);
    const work = createWork(attention, sizes, some.length, length);
    const logits = attention.tensor([some.length * length, levels]);
    try {
      const tokens = new Int32Array(some.length * length);
      some.forEach((digit, b) => tokens.set(digit.subarray(0, length), b * length));
      model.run(work, attend, tokens, 0);
      model.head.norm.apply(work.x, { out: work.h });
      model.head.logits.apply(work.h, { out: logits });
      const { data } = logits;
      some.forEach((digit, b) => {
        for (let t = 0; t < length; t++) {
          const row = (b * length + t) * levels;
          total -= logProbability(data.subarray(row, row + levels), digit[t + 1]);
        }
      });
    } finally {
      logits.dispose();
      work.dispose();
    }
    onDigit(Math.min(first + together, digits.length));
  }
  return total / (digits.length * length);
}
