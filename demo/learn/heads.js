// What the heads of a model attend with on given digits: the examples that maps are taught with and judged by.
import { attendToAll, createWork } from '../digits/model.js';

/** Which heads of which layers, both counted from 0, in the order in which they stand side by side. */
export const headsOf = ({ layers, heads }) => layers.flatMap((layer) => heads.map((head) => ({ layer, head })));

/**
 * q, k and v of the chosen heads on one digit, [heads, length, dim] each.
 * @param {ArrayLike<number>} tokens class, pixel 0, pixel 1 …; the last pixel is never an input
 * @param {{ layer: number, head: number }[]} chosen
 */
export function headInputs(model, tokens, chosen) {
  const { attention, sizes, config } = model;
  const { length, heads, dim } = sizes;
  const work = createWork(attention, sizes, 1, length);
  const attend = attendToAll(attention, config);
  const [q, k, v] = Array.from({ length: 3 }, () => new Float32Array(chosen.length * length * dim));
  try {
    const copy = (layer, from, to) => {
      const { data } = from;
      chosen.forEach((one, n) => {
        if (one.layer !== layer) return;
        for (let t = 0; t < length; t++) {
          const at = (t * heads + one.head) * dim;
          to.set(data.subarray(at, at + dim), (n * length + t) * dim);
        }
      });
    };
    const seeAndAttend = (layer, queries, keys, values, out) => {
      copy(layer, queries, q);
      copy(layer, keys, k);
      copy(layer, values, v);
      attend(queries, keys, values, out);
    };
    model.run(work, seeAndAttend, Int32Array.from(tokens).subarray(0, length), 0);
  } finally {
    work.dispose();
  }
  const shape = [chosen.length, length, dim];
  return { q: { data: q, shape }, k: { data: k, shape }, v: { data: v, shape } };
}
