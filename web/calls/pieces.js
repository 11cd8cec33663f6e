/**
 * Calls on arrays outside the module's memory, a few heads at a time: what was copied in is still in the processor's
 * cache when the core reads it, and so is the result when it is copied out.
 */
import { commitOut } from '../core/operand.js';

/** Of q, k, v and the result together; most processors' second-level caches hold it. */
const PIECE_BYTES = 2 ** 20;

/** Floats of q, k, v and the result that belong to one head of k. */
function sizesOf({ q, k, v }) {
  const queries = (q.heads / k.heads) * q.rows;
  return [queries * q.width, k.rows * k.width, k.rows * v.width, queries * v.width];
}

/** Heads of k, of all batches, that a piece has. */
const headsPerPiece = (sizes) => Math.max(1, Math.floor(PIECE_BYTES / (4 * sizes.reduce((a, b) => a + b))));

/**
 * Whether a call on independent heads, all treated alike, is worth cutting into pieces: not with threads, which would wait
 * in between, nor where a piece of the result may lie over inputs of a later one.
 */
export function isPiecewise(core, layout, inputs, out) {
  const { q, k, v } = inputs;
  if (out.copy !== null && [q, k, v].some(({ data }) => data?.buffer === out.copy.buffer)) return false;
  if (layout !== 'bhtd' || core.pool !== null || core.interrupt !== null || (out.pointer && [q, k, v].every(({ data }) => data === null))) return false;
  return k.batch * k.heads > headsPerPiece(sizesOf(inputs));
}

/** Calls `pass(inputs, [q, k, v], out)` with the sizes and addresses of each piece; returns the result. */
export function inPieces(core, frame, inputs, out, pass) {
  const { q, k, v } = inputs;
  const group = q.heads / k.heads;
  const heads = k.batch * k.heads;
  const sizes = sizesOf(inputs);
  const outSize = sizes[3];
  const most = headsPerPiece(sizes);
  const rooms = [q, k, v].map(({ data }, i) => (data === null ? 0 : frame.alloc(most * sizes[i] * 4)));
  const room = out.pointer ? 0 : frame.alloc(most * outSize * 4);
  for (let first = 0; first < heads; first += most) {
    const count = Math.min(most, heads - first);
    const at = [q, k, v].map(({ data, pointer }, i) => {
      if (data === null) return pointer + first * sizes[i] * 4;
      core.f32.set(data.subarray(first * sizes[i], (first + count) * sizes[i]), rooms[i] >>> 2);
      return rooms[i];
    });
    const piece = { q: { ...q, batch: 1, heads: count * group }, k: { ...k, batch: 1, heads: count }, v: { ...v, batch: 1, heads: count } };
    pass(piece, at, room || out.pointer + first * outSize * 4);
    if (room) out.copy.set(core.f32.subarray(room >>> 2, (room >>> 2) + count * outSize), first * outSize);
  }
  return room ? out.result : commitOut(core, out, out.pointer);
}
