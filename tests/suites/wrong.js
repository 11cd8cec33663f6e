/**
 * Tables of wrong arguments. A row is [what, kind, pattern of the message, call]: `call` gets fresh good arguments and
 * must throw exactly `kind`, with the argument named. TypeError is for a wrong kind, RangeError for a shape or value.
 */
import assert from 'node:assert';
import { gaussian, reshape } from '../util.js';
import { throwsKind } from './harness.js';

/** The shape of the good arguments, as inputs() takes it. */
export const T = 6;
export const shape = { batch: 2, heads: 4, kvHeads: 2, T, dim: 5, valueDim: 3 };

const named = (argument) => (argument instanceof RegExp ? argument : new RegExp(`(^|\\W)${argument}(\\W|$)`));

/** Rows by kind. `argument` is the name that the message must hold, or a pattern where several are to blame. */
export const type = (what, argument, call) => [what, TypeError, named(argument), call];
export const range = (what, argument, call) => [what, RangeError, named(argument), call];

const describe = (value) => (typeof value === 'object' ? JSON.stringify(value)?.slice(0, 40) : String(value));
const withOption = (row, option, values, call) =>
  values.map((value) => row(`${option}: ${describe(value)}`, option, (args) => call(args, { [option]: value })));

/** Rows for an option given these values. */
export const wrongKind = (option, values, call) => withOption(type, option, values, call);
export const wrongValue = (option, values, call) => withOption(range, option, values, call);

export const number = (option, outside, call) => [
  ...wrongKind(option, ['1', null, true, {}, [1]], call),
  ...wrongValue(option, [NaN, ...outside], call),
];
export const boolean = (option, call) => wrongKind(option, [1, 0, 'true', null, {}], call);
export const options = (call) =>
  [5, 'causal', null, true].map((value) => type(`options: ${value}`, 'options', (args) => call(args, value)));
export const layout = (call) => [
  ...wrongKind('layout', [1, null, {}], call),
  ...wrongValue('layout', ['', 'bhdt', 'BHTD'], call),
];
export const featureMap = (call) => [
  ...wrongKind('featureMap', [1, null, {}, () => {}], call),
  ...wrongValue('featureMap', ['', 'gelu', 'ELU', 'toString'], call),
];
export const keyLengths = (call) => [
  ...wrongKind('keyLengths', [3, 'all', null, {}, true], call),
  ...wrongValue('keyLengths', [[], [1], [1, 2, 3], [1, T + 1], [-1, 1], [1.5, 1], [1, NaN], [Infinity, 1]], call),
];
/** `misshapen`: a resident tensor of another shape than the result's. */
export const out = (length, misshapen, call) => [
  ...wrongKind('out', [5, null, 'here', [], {}, new Float64Array(length), new Array(length).fill(0)], call),
  range('out too short', 'out', (args) => call(args, { out: new Float32Array(length - 1) })),
  range('out too long', 'out', (args) => call(args, { out: new Float32Array(length + 1) })),
  range('out tensor of another shape', 'out', (args) => call(args, { out: misshapen })),
];

const notTensors = [undefined, null, 3, 'q', true, () => {}, {}, [], [1, 2], new Float32Array(4)];

/** The same tensor, spoilt. */
const spoilt = [
  [type, 'Float64Array data', (x) => ({ data: Float64Array.from(x.data), shape: x.shape })],
  [type, 'Int32Array data', (x) => ({ data: Int32Array.from(x.data), shape: x.shape })],
  [type, 'plain array data', (x) => ({ data: [...x.data], shape: x.shape })],
  [type, 'no data', (x) => ({ shape: x.shape })],
  [type, 'no shape', (x) => ({ data: x.data })],
  [type, 'a number as shape', (x) => ({ data: x.data, shape: x.data.length })],
  [type, 'a shape of strings', (x) => ({ data: x.data, shape: x.shape.map(String) })],
  [range, 'one element missing', (x) => ({ data: x.data.subarray(1), shape: x.shape })],
  [range, 'one element too many', (x) => ({ data: new Float32Array(x.data.length + 1), shape: x.shape })],
  [range, 'no element', (x) => ({ data: new Float32Array(0), shape: x.shape })],
  [range, 'rank 0', () => ({ data: new Float32Array(1), shape: [] })],
  [range, 'a negative length', (x) => reshape(x, [-x.shape[0], -x.shape[1], ...x.shape.slice(2)])],
  [range, 'a fraction as length', (x) => reshape(x, [x.shape[0] / 4, x.shape[1] * 4, ...x.shape.slice(2)])],
  [range, 'NaN as a length', (x) => reshape(x, [NaN, ...x.shape.slice(1)])],
  [range, 'an overflowing shape', (x) => reshape(x, [2 ** 32, 2 ** 32, ...x.shape.slice(2)])],
];

/** Rows for the tensors of a call, whatever their rank. */
export const tensors = (names, call) =>
  names.flatMap((key) => [
    ...notTensors.map((value) => type(`${key} is ${describe(value)}`, key, (args) => call({ ...args, [key]: value }))),
    ...spoilt.map(([row, what, spoil]) =>
      row(`${key} with ${what}`, key, (args) => call({ ...args, [key]: spoil(args[key]) })),
    ),
  ]);

/** Rows for tensors of rank 2 to 4. */
export const ranks = (names, call) =>
  names.flatMap((key) => [
    range(`${key} of rank 1`, key, (args) => call({ ...args, [key]: reshape(args[key], [args[key].data.length]) })),
    range(`${key} of no elements and a size past 32 bits`, new RegExp(`^${key} .*at most ${2 ** 31 - 1}`), (args) => call({ ...args, [key]: { data: new Float32Array(0), shape: [0, 1, 2 ** 32, 5] } })),
    range(`${key} of rank 5`, key, (args) => call({ ...args, [key]: reshape(args[key], [1, ...args[key].shape]) })),
  ]);

/** q and k that do not fit each other, whatever is done with their heads. */
export const misfits = (call) => {
  const random = (...lengths) => gaussian(lengths, 1);
  const ofDim = (d) => ({ q: random(1, 1, 2, d), k: random(1, 1, 2, d), v: random(1, 1, 2, 3) });
  return [
    range('k of another batch', 'k', ({ q }) => call({ q, k: random(1, 2, T, 5), v: random(1, 2, T, 3) })),
    range('k of another dim', 'k', (args) => call({ ...args, k: random(2, 2, T, 4) })),
    range('k of another rank', 'k', (args) => call({ ...args, k: reshape(args.k, [4, T, 5]) })),
    range('dim 0', 'q', () => call(ofDim(0))),
    range('dim 1025', 'q', () => call(ofDim(1025))),
  ];
};

/** Heads of q that are no multiple of those of k. */
export const headMisfits = (call) => {
  const heads = /heads of q must be a multiple of heads of k, got/;
  return [
    range('heads of q not a multiple of those of k', heads, (args) => call({ ...args, q: gaussian([2, 3, T, 5], 1) })),
    range('fewer heads in q than in k', heads, (args) => call({ ...args, q: gaussian([2, 1, T, 5], 1) })),
  ];
};

/** Heads of linear attention that do not go together: q of 4 heads, k and v of 2 else. */
export const linearHeadMisfits = (call) => {
  const of = (heads, width) => gaussian([2, heads, T, width], 1);
  return [
    range('3 heads of q, 2 of k and v', /heads of q must be a multiple or a divisor of the 2 of v, got 3/, (args) => call({ ...args, q: of(3, 5) })),
    range('6 heads of v, 4 of k', /heads of v must be a multiple or a divisor of the 4 of k, got 6/, (args) => call({ ...args, q: of(12, 5), k: of(4, 5), v: of(6, 3) })),
    range('4 heads of q, 6 of v', /heads of q must be a multiple or a divisor of the 6 of v, got 4/, (args) => call({ ...args, v: of(6, 3) })),
    range('4 heads of q, 6 of k', /heads of q must be a multiple or a divisor of the 6 of k, got 4/, (args) => call({ ...args, k: of(6, 5) })),
    range('no head of q', /heads of q must be .* got 0/, (args) => call({ ...args, q: of(0, 5) })),
    range('no head of k', /heads of k must be at least 1, got 0/, (args) => call({ ...args, k: of(0, 5) })),
    range('no head of v', /heads of v must be .* got 0/, (args) => call({ ...args, v: of(0, 3) })),
  ];
};

/** v that does not fit k. */
export const valueMisfits = (call) =>
  [
    ['another length', [2, 2, T - 1, 3]],
    ['another batch', [1, 2, T, 3]],
    ['dim 0', [2, 2, T, 0]],
    ['dim 8193', [2, 2, T, 8193]],
  ].map(([what, lengths]) => range(`v of ${what}`, 'v', (args) => call({ ...args, v: gaussian(lengths, 1) })));

/** Runs the rows; after each, memory must be as before and `unchanged` must not throw. */
export function refuse(attention, rows, goodArguments, unchanged = () => {}) {
  assert.ok(rows.length > 0);
  for (const [what, kind, pattern, call] of rows) {
    const before = attention.memory;
    throwsKind(() => call(goodArguments()), kind, pattern, what);
    assert.equal(attention.memory, before, `${what}: leaked ${attention.memory - before} bytes`);
    unchanged(what);
  }
}
