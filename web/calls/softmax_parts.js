/** mergeSoftmax(): attention over two sets of keys from attention over each. */
import { newFloats } from '../core/arrays.js';
import { wrongKind, wrongShape } from '../core/errors.js';
import { takeTensor } from '../core/given.js';
import { isObject } from '../core/lists.js';
import { floatsOf, locate } from '../core/operand.js';
import { sameShape } from '../core/validate.js';

const PART = 'what softmaxPart returns, { output, maximum, sum }';

function takePart(name, value) {
  if (!isObject(value)) throw wrongKind(name, PART, value);
  const { output, maximum, sum } = value;
  return { output: takeTensor(`${name}.output`, output), maximum: takeTensor(`${name}.maximum`, maximum), sum: takeTensor(`${name}.sum`, sum) };
}

function checkPart({ output, maximum, sum }) {
  const { shape } = output;
  if (shape.length < 1) throw wrongShape(output.name, '[..., length, valueDim]', shape);
  for (const one of [maximum, sum]) {
    if (!sameShape(one.shape, shape.slice(0, -1))) throw wrongShape(one.name, `[${shape.slice(0, -1).join(', ')}], as ${output.name} has without its last axis`, one.shape);
  }
}

const viewsOf = (core, part) => Object.fromEntries(Object.entries(part).map(([name, given]) => [name, floatsOf(core, given)]));

/** What a row of a part weighs beside one with this maximum; a sum that is not a number makes the row none. */
const weightOf = (maximum, sum, most) => (maximum === -Infinity ? sum * 0 : sum * Math.exp(maximum - most));

export function mergeSoftmax(core, a, b) {
  const [one, two] = [takePart('a', a), takePart('b', b)];
  checkPart(one);
  checkPart(two);
  const { shape } = one.output;
  if (!sameShape(two.output.shape, shape)) throw wrongShape('b.output', `[${shape.join(', ')}], as a.output has`, two.output.shape);
  core.check();
  for (const part of [one, two]) for (const given of Object.values(part)) locate(core, given);
  const width = shape.at(-1);
  const rows = one.maximum.length;
  const [output, maximum, sum] = [newFloats(rows * width), newFloats(rows), newFloats(rows)];
  const [x, y] = [viewsOf(core, one), viewsOf(core, two)];
  for (let r = 0; r < rows; r++) {
    const most = Math.max(x.maximum[r], y.maximum[r]);
    const p = weightOf(x.maximum[r], x.sum[r], most);
    const s = weightOf(y.maximum[r], y.sum[r], most);
    const total = p + s;
    maximum[r] = most;
    sum[r] = total;
    for (let c = r * width; total !== 0 && c < (r + 1) * width; c++) output[c] = (x.output[c] * p + y.output[c] * s) / total;
  }
  const sums = () => shape.slice(0, -1);
  return { output: { data: output, shape: [...shape] }, maximum: { data: maximum, shape: sums() }, sum: { data: sum, shape: sums() } };
}
