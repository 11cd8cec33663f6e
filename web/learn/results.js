/** Gradients on their way out: room for them in the module's memory, and results of the shapes that were given. */
import { floatsFrom, newArray, newFloats } from '../core/arrays.js';
import { elements } from '../core/validate.js';

/** Room for so many floats. */
export const roomFor = (frame, floats) => frame.alloc(floats * 4);

/** An la_array like that of a located input, elsewhere. */
export const arrayLike = (frame, { length, strides: { batch, head, row } }) => ({ data: roomFor(frame, length), batch, head, row });

/** A copy of what lies at an address, as a result. */
export function resultAt(core, pointer, shape) {
  const data = newFloats(elements(shape));
  data.set(core.floatsAt(pointer, data.length));
  return { data, shape: [...shape] };
}

/** Sizes of the gradient that the core gives of a gate: of every state, but 1 along what shares a number. */
export const gateSizes = ({ row, channel }, { batch, stateHeads, length, features }) => ({ batch, heads: stateHeads, rows: row === 0 ? 1 : length, channels: channel === 0 ? 1 : features });

/** The gradient of a gate, [batch, states, length or 1, features or 1] at an address, summed to the shape that was given. */
export function gateResult(core, pointer, gate, sizes) {
  const { batch, heads, rows, channels } = sizes;
  const { given: { shape, length } } = gate;
  const from = core.floatsAt(pointer, batch * heads * rows * channels);
  const sums = newArray(Float64Array, length);
  let at = 0;
  for (let b = 0; b < batch; b++) {
    for (let h = 0; h < heads; h++) {
      const start = b * gate.batch + Math.floor((h * gate.heads) / heads) * gate.head;
      for (let t = 0; t < rows; t++) for (let i = 0; i < channels; i++) sums[start + t * gate.row + i * gate.channel] += from[at++];
    }
  }
  return { data: floatsFrom(sums), shape: [...shape] };
}
