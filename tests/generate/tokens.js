/** Tokens for ever: patterns that repeat, as { data, heads, period, width }; token t of a head is its row t mod period. */
import { normals } from '../util.js';

/** A period that no tile, block or piece divides, and that is long enough to be random for all that the kernels can see. */
const LONG = 1021;

/** What tokens of a stream are like; `noise` is the deviation around one constant token. */
export const tokenKinds = {
  constant: { period: 1 },
  'cycle of 2': { period: 2 },
  'cycle of 7': { period: 7 },
  'noise 1e-3': { period: LONG, noise: 1e-3 },
  'noise 1e-2': { period: LONG, noise: 1e-2 },
  random: { period: LONG },
};

/** Rows of a kind; `place` moves each row before it is used (to make it positive, of length 1 ...). */
export function patternOf(kind, { heads, width, seed, deviation = 1, place = (row) => row }) {
  const { period, noise } = tokenKinds[kind];
  const normal = normals(seed);
  const data = new Float32Array(heads * period * width);
  for (let h = 0; h < heads; h++) {
    const centre = Array.from({ length: width }, () => deviation * normal());
    for (let r = 0; r < period; r++) {
      const row = centre.map((x) => (noise ? x + noise * normal() : r === 0 ? x : deviation * normal()));
      data.set(place(row), (h * period + r) * width);
    }
  }
  return { data, heads, period, width };
}

/** Numbers as a pattern of one width: rows [heads][period]. */
export const gatePattern = (rows) => ({ data: Float32Array.from(rows.flat()), heads: rows.length, period: rows[0].length, width: 1 });

/** A number a feature: rows [heads][period][width]. */
export const channelPattern = (rows) => ({ data: Float32Array.from(rows.flat(2)), heads: rows.length, period: rows[0].length, width: rows[0][0].length });

/** Tokens from … to−1 of a pattern as [1, heads, to − from, width], or as [1, to − from, heads, width] for layout bthd. */
export function unroll({ data, heads, period, width }, from, to, layout = 'bhtd') {
  const count = to - from;
  const all = new Float32Array(heads * count * width);
  if (layout === 'bthd') {
    for (let t = 0; t < count; t++) {
      for (let h = 0; h < heads; h++) {
        const row = (h * period + ((from + t) % period)) * width;
        for (let c = 0; c < width; c++) all[(t * heads + h) * width + c] = data[row + c];
      }
    }
    return { data: all, shape: [1, count, heads, width] };
  }
  for (let h = 0; h < heads; h++) {
    const rows = data.subarray(h * period * width, (h + 1) * period * width);
    const head = all.subarray(h * count * width, (h + 1) * count * width);
    const start = from % period;
    const first = Math.min(period, count);
    for (let t = 0; t < first; t++) head.set(rows.subarray(((start + t) % period) * width, (((start + t) % period) + 1) * width), t * width);
    // What is there is whole periods from the second turn on, and may be doubled.
    for (let done = first; done < count; done *= 2) head.copyWithin(done * width, 0, Math.min(done, count - done) * width);
  }
  return { data: all, shape: [1, heads, count, width] };
}

/** Token t of a pattern as state.step takes it: [1, heads, width]. */
export function tokenAt({ data, heads, period, width }, t) {
  const row = new Float32Array(heads * width);
  for (let h = 0; h < heads; h++) {
    const start = (h * period + (t % period)) * width;
    row.set(data.subarray(start, start + width), h * width);
  }
  return { data: row, shape: [1, heads, width] };
}
