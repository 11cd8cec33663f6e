/**
 * The examples of distill: queries, keys and values of heads side by side, and what softmax attention answers to them. They
 * are copies, since distilling goes on while the caller's code runs.
 */
import { softmax } from '../calls/softmax.js';
import { copyOf } from '../core/arrays.js';
import { wrongKind, wrongShape, wrongValue } from '../core/errors.js';
import { takeTensor } from '../core/given.js';
import { isIterable, isObject } from '../core/lists.js';
import { floatsOf, locate, sizeArray } from '../core/operand.js';

const EXAMPLE = 'an example { q, k, v }';

/** One of q, k and v as a copy, [heads, length, dim]. */
function takePart(core, name, value) {
  const given = sizeArray(takeTensor(name, value), 'bhtd');
  if (given.batch !== 1) throw wrongShape(name, '[heads, length, dim]', given.shape);
  core.check();
  locate(core, given);
  return { name, heads: given.heads, rows: given.rows, width: given.width, data: copyOf(floatsOf(core, given)) };
}

/** What the sizes of the first example and those of another must have in common. */
function requireSizes({ q, k, v }, causal, first) {
  if (k.width !== q.width) throw wrongShape(k.name, `[heads, length, ${q.width}]`, [k.heads, k.rows, k.width]);
  if (v.heads !== k.heads || v.rows !== k.rows) throw wrongShape(v.name, `[${k.heads}, ${k.rows}, dim]`, [v.heads, v.rows, v.width]);
  if (q.heads % k.heads !== 0) throw wrongShape(q.name, `[a multiple of ${k.heads} heads, length, dim]`, [q.heads, q.rows, q.width]);
  if (q.rows === 0 || k.rows === 0) throw wrongValue(`the length of ${q.name} and ${k.name}`, 'at least 1', 0);
  if (causal && q.rows !== k.rows) throw wrongShape(k.name, `[heads, ${q.rows}, dim], as long as ${q.name}, since causal is true`, [k.heads, k.rows, k.width]);
  if (!first) return;
  for (const part of ['q', 'k', 'v']) {
    const [one, other] = [{ q, k, v }[part], first[part]];
    if (one.heads !== other.heads || one.width !== other.width) throw wrongShape(one.name, `[${other.heads}, length, ${other.width}], as the first example`, [one.heads, one.rows, one.width]);
  }
}

/** Σx² of each key head, over the queries of all query heads that share it. */
function squaresOf(data, heads) {
  const part = data.length / heads;
  return Array.from({ length: heads }, (_, h) => {
    let sum = 0;
    for (let i = h * part; i < (h + 1) * part; i++) sum += data[i] * data[i];
    return sum;
  });
}

/**
 * An example as it was taken: q, k and v as { data, shape }, `target` what softmax attention answers, `squares` ‖target‖² a
 * head of k.
 */
function takeExample(core, name, value, { causal }, first) {
  if (!isObject(value)) throw wrongKind(name, EXAMPLE, value);
  const [q, k, v] = ['q', 'k', 'v'].map((part) => takePart(core, `${name}.${part}`, value[part]));
  requireSizes({ q, k, v }, causal, first);
  const tensor = ({ data, heads, rows, width }) => ({ data, shape: [heads, rows, width] });
  const example = { q: tensor(q), k: tensor(k), v: tensor(v) };
  const target = softmax(core, example.q, example.k, example.v, { causal }).data;
  const squares = squaresOf(target, k.heads);
  if (!squares.every(Number.isFinite)) throw new RangeError(`${name} must hold finite numbers whose softmax attention is finite, got some that are not`);
  return { sizes: { q, k, v }, example: { ...example, target, squares } };
}

/** One example, or each of an iterable, awaited where it has promises or is asynchronous. */
async function* each(name, value) {
  if (!isObject(value)) throw wrongKind(name, `${EXAMPLE} or an iterable of them`, value);
  if (!isIterable(value)) yield [name, value];
  else {
    let n = 0;
    for await (const one of value) yield [`${name}[${n++}]`, one];
  }
}

/**
 * All examples of an option, read to the end.
 * @param {{ q, k, v }} [first] sizes that they must have in common with others
 * @returns {Promise<{ examples: object[], sizes: object }>}
 */
export async function takeExamples(core, name, value, settings, { check, pause }, first) {
  const examples = [];
  let sizes = first;
  for await (const [where, one] of each(name, value)) {
    check();
    const taken = takeExample(core, where, one, settings, sizes);
    sizes ??= Object.fromEntries(Object.entries(taken.sizes).map(([part, { heads, width }]) => [part, { heads, width }]));
    examples.push(taken.example);
    await pause();
  }
  check();
  if (examples.length === 0) throw wrongValue(name, 'at least one example', []);
  return { examples, sizes };
}
