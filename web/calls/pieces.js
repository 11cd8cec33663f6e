/**
 * Calls on arrays outside the module's memory, a few heads at a time: what was copied in is still in the processor's
 * cache when the core reads it, and so is the result when it is copied out.
 */
import { commitOut, stridesOf } from '../core/operand.js';
import { bufferOf, plainFloats } from '../core/views.js';

/** Of q, k, v and the result together; most processors' second-level caches hold it. */
const PIECE_BYTES = 2 ** 20;

/** Floats of q, k, v and the result that belong to one head of k. */
function sizesOf({ q, k, v }) {
  const queries = (q.heads / k.heads) * q.rows;
  return { q: queries * q.width, k: k.rows * k.width, v: k.rows * v.width, out: queries * v.width };
}

/** Heads of k, of all batches, that a piece has. */
const headsPerPiece = ({ q, k, v, out }) => Math.max(1, Math.floor(PIECE_BYTES / (4 * (q + k + v + out))));

/**
 * Whether a call on independent heads, all treated alike, is worth cutting into pieces: not with threads, which would wait
 * in between, nor where a piece of the result may lie over inputs of a later one.
 */
export function isPiecewise(core, layout, inputs, out) {
  const { q, k, v } = inputs;
  if (out.copy !== null && [q, k, v].some(({ data }) => data !== null && bufferOf(data) === out.copy.buffer)) return false;
  if (layout !== 'bhtd' || core.pool !== null || core.interrupt !== null || (out.pointer && [q, k, v].every(({ data }) => data === null))) return false;
  return k.batch * k.heads > headsPerPiece(sizesOf(inputs));
}

/**
 * Runs the plan a piece at a time and returns the result; `plan` lacks the arrays. Results leave for a new array piece by
 * piece, for the caller's own at the end: a piece that fails, for want of scratch memory, leaves that one as it was.
 */
export function runInPieces(core, frame, plan, inputs, out) {
  const names = ['q', 'k', 'v'];
  const { q, k } = inputs;
  const sources = Object.fromEntries(names.map((name) => [name, inputs[name].data && plainFloats(inputs[name].data)]));
  const group = q.heads / k.heads;
  const heads = k.batch * k.heads;
  const sizes = sizesOf(inputs);
  const most = headsPerPiece(sizes);
  const rooms = Object.fromEntries(names.map((name) => [name, inputs[name].data === null ? 0 : frame.alloc(most * sizes[name] * 4)]));
  const atEnd = out.pointer !== 0 || out.isGiven;
  const results = out.pointer || frame.alloc((atEnd ? heads : most) * sizes.out * 4);
  for (let first = 0; first < heads; first += most) {
    const count = Math.min(most, heads - first);
    const args = { ...plan.args, batch: 1, heads: count * group, kv_heads: count };
    for (const name of names) {
      const { pointer } = inputs[name];
      const data = sources[name];
      if (data !== null) core.f32.set(data.subarray(first * sizes[name], (first + count) * sizes[name]), rooms[name] >>> 2);
      args[name] = { data: rooms[name] || pointer + first * sizes[name] * 4, ...inputs[name].strides };
    }
    args.out = { data: atEnd ? results + first * sizes.out * 4 : results, ...stridesOf('bhtd', q, inputs.v.width) };
    core.run({ ...plan, args });
    if (!atEnd) out.copy.set(core.f32.subarray(results >>> 2, (results >>> 2) + count * sizes.out), first * sizes.out);
  }
  return atEnd ? commitOut(core, out, results) : out.result;
}
