/**
 * Calls on arrays outside the module's memory, a few heads at a time: what was copied in is still in the processor's
 * cache when the core reads it, and so is the result when it is copied out.
 */
import { commitOut, stridesOf } from '../core/operand.js';
import { plainFloats } from '../core/views.js';

/** Of q, k, v and the result together; most processors' second-level caches hold it. */
const PIECE_BYTES = 2 ** 20;

const NAMES = ['q', 'k', 'v'];

const greatestDivisor = (a, b) => (b === 0 ? a : greatestDivisor(b, a % b));

/** How many equal groups the heads of a batch fall into that have nothing to do with each other. */
const groupsOf = ({ q, k, v }) => greatestDivisor(greatestDivisor(q.heads, k.heads), v.heads);

/** Floats of q, k, v and the result, of so many heads, that belong to one group. */
function sizesOf({ q, k, v }, heads) {
  const groups = groupsOf({ q, k, v });
  return { q: (q.heads / groups) * q.rows * q.width, k: (k.heads / groups) * k.rows * k.width, v: (v.heads / groups) * v.rows * v.width, out: (heads / groups) * q.rows * v.width };
}

/** Groups, of all batches, that a piece has. */
const groupsPerPiece = ({ q, k, v, out }) => Math.max(1, Math.floor(PIECE_BYTES / (4 * (q + k + v + out))));

/**
 * Whether a call on independent heads, all treated alike, is worth cutting into pieces: not with threads, which would wait
 * in between. `heads`: those of the result.
 */
export function isPiecewise(core, layout, inputs, heads, out) {
  const { q, k, v } = inputs;
  if (layout !== 'bhtd' || core.pool !== null || core.interrupt !== null || (out.pointer && [q, k, v].every(({ data }) => data === null))) return false;
  return k.batch * groupsOf(inputs) > groupsPerPiece(sizesOf(inputs, heads));
}

/**
 * Runs the plan a piece at a time and returns the result; `plan` lacks the arrays, and its args have the heads of a batch,
 * `headNames` their names. Results leave for a new array piece by piece, for the caller's own at the end: that one may
 * lie over inputs of later pieces, and a piece that fails, for want of scratch memory, leaves it as it was.
 */
export function runInPieces(core, frame, plan, headNames, inputs, heads, out) {
  const sources = Object.fromEntries(NAMES.map((name) => [name, inputs[name].data && plainFloats(inputs[name].data)]));
  const perBatch = groupsOf(inputs);
  const groups = inputs.k.batch * perBatch;
  const sizes = sizesOf(inputs, heads);
  const most = groupsPerPiece(sizes);
  const rooms = Object.fromEntries(NAMES.map((name) => [name, inputs[name].data === null ? 0 : frame.alloc(most * sizes[name] * 4)]));
  const atEnd = out.pointer !== 0 || out.isGiven;
  const results = out.pointer || frame.alloc((atEnd ? groups : most) * sizes.out * 4);
  const outStrides = stridesOf('bhtd', { heads, rows: inputs.q.rows }, inputs.v.width);
  for (let first = 0; first < groups; first += most) {
    const count = Math.min(most, groups - first);
    const args = { ...plan.args, batch: 1 };
    for (const name of headNames) args[name] = (plan.args[name] / perBatch) * count;
    for (const name of NAMES) {
      const { pointer } = inputs[name];
      const data = sources[name];
      if (data !== null) core.f32.set(data.subarray(first * sizes[name], (first + count) * sizes[name]), rooms[name] >>> 2);
      args[name] = { data: rooms[name] || pointer + first * sizes[name] * 4, ...inputs[name].strides };
    }
    args.out = { data: atEnd ? results + first * sizes.out * 4 : results, ...outStrides };
    core.run({ ...plan, args });
    if (!atEnd) out.copy.set(core.f32.subarray(results >>> 2, (results >>> 2) + count * sizes.out), first * sizes.out);
  }
  return atEnd ? commitOut(core, out, results) : out.result;
}
