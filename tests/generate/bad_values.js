/** Wrong values for every kind of argument, as [label, value] rows; `good` is a value that the call takes. */
import fc from 'fast-check';
import { gaussian } from '../util.js';

function revoked(target) {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
}

function cyclic() {
  const list = [1];
  list.push(list);
  return list;
}

function detached(length, Kind = Float32Array) {
  const data = new Kind(length);
  structuredClone(data.buffer, { transfer: [data.buffer] });
  return data;
}

/** A Float32Array whose buffer has become too small for it. */
function shrunk(length) {
  const buffer = new ArrayBuffer(length * 4, { maxByteLength: length * 4 });
  const data = new Float32Array(buffer);
  buffer.resize(Math.max(0, length * 4 - 4));
  return data;
}

/** True length 1, whatever it says. */
function lying(length) {
  const data = new Float32Array(1);
  Object.defineProperty(data, 'length', { value: length });
  return data;
}

/** What nothing takes. */
const strange = () => [
  ['symbol', Symbol('s')],
  ['bigint', 10n],
  ['function', () => 1],
  ['date', new Date(0)],
  ['map', new Map()],
  ['null prototype', Object.create(null)],
  ['promise', Promise.resolve(1)],
  ['revoked object', revoked({})],
  ['revoked array', revoked([])],
  ['revoked function', revoked(() => 1)],
];
const text = () => [['text', 'text'], ['empty text', '']];
const objects = () => [['object', {}], ['list', []], ['cyclic list', cyclic()]];
const booleans = () => [['true', true], ['false', false]];
const nothing = () => [['null', null]];

/** Lists far too long, which say so when somebody sets out to read them all. */
export class ReadInVain extends Error {}

function watched(list) {
  let reads = 0;
  return new Proxy(list, {
    get(target, key) {
      if (key !== 'length' && typeof key === 'string' && ++reads > 1000) throw new ReadInVain('1,000 elements were read of a list that is far too long');
      return Reflect.get(target, key);
    },
  });
}

const endless = () => [
  ['length 2^30', watched({ length: 2 ** 30 })],
  ['sparse 2^27', watched(new Array(2 ** 27))],
  ['length 2^53 - 1', watched({ length: 2 ** 53 - 1 })],
  ['length 0.5', { length: 0.5 }],
  ['length -1', { length: -1 }],
];

const isNumbers = (value) => ArrayBuffer.isView(value) || (Array.isArray(value) && value.every((x) => typeof x === 'number' || typeof x === 'bigint'));

/** Values that fast-check makes up, but those that may be right. */
function anything(seed, count, mayBeRight) {
  const made = fc.anything({ maxDepth: 2, withBigInt: true, withDate: true, withMap: true, withSet: true, withNullPrototype: true, withObjectString: true, withSparseArray: true, withTypedArray: true });
  const wrong = made.filter((value) => value !== undefined && value !== null && !mayBeRight(value));
  return fc.sample(wrong, { seed, numRuns: count }).map((value, i) => [`made up ${i}: ${fc.stringify(value).slice(0, 60)}`, value]);
}

const isNumber = (value) => typeof value === 'number';
const numbers = (values) => values.map((value) => [String(value), value]);

/** A tensor spoilt in every way; resident ones are taken from the caller's `others`. */
function tensors(good, { others }) {
  const { data, shape } = good;
  const n = data.length;
  const of = (changes) => ({ data, shape, ...changes });
  const spoilt = [
    ['Float64Array', of({ data: Float64Array.from(data) })],
    ['plain data', of({ data: [...data] })],
    ['Int8Array', of({ data: new Int8Array(n) })],
    ['no data', of({ data: undefined })],
    ['data of text', of({ data: 'data' })],
    ['DataView', of({ data: new DataView(new ArrayBuffer(n * 4)) })],
    ['prototype of Float32Array', of({ data: Object.create(Float32Array.prototype) })],
    ['revoked data', of({ data: revoked(data) })],
    ['proxy of data', of({ data: new Proxy(data, {}) })],
    ['detached data', of({ data: detached(n) })],
    ['shrunk data', of({ data: shrunk(n) })],
    ['data that lies about its length', of({ data: lying(n) })],
    ['one element missing', of({ data: data.subarray(1) })],
    ['one element more', of({ data: new Float32Array(n + 1) })],
    ['no shape', of({ shape: undefined })],
    ['shape null', of({ shape: null })],
    ['shape a number', of({ shape: n })],
    ['shape text', of({ shape: String(shape) })],
    ['shape of text', of({ shape: shape.map(String) })],
    ['shape of symbols', of({ shape: shape.map(() => Symbol('size')) })],
    ['shape cyclic', of({ shape: cyclic() })],
    ['shape revoked', of({ shape: revoked([...shape]) })],
    ['negative sizes', of({ shape: [-1, -n] })],
    ['fractional sizes', of({ shape: [0.5, 2 * n] })],
    ['NaN size', of({ shape: [NaN, n] })],
    ['infinite size', of({ shape: [Infinity, 0] })],
    ['sizes past 2^53', of({ shape: [2 ** 53, 1] })],
    ['sizes that overflow', of({ shape: [2 ** 40, 2 ** 40] })],
    ['bigint sizes past 2^64', of({ shape: [2n ** 70n, 1n] })],
    ['rank 0', { data: new Float32Array(1), shape: [] }],
    ['rank 9', of({ shape: [...new Array(9 - shape.length).fill(1), ...shape] })],
    ['strides of a transpose', of({ strides: columnMajor(shape) })],
    ['stride of a transpose', of({ stride: columnMajor(shape) })],
    ['strides 0', of({ strides: shape.map(() => 0) })],
    ['strides of another rank', of({ strides: [1] })],
    ['strides a number', of({ strides: 1 })],
    ['offset', of({ stride: rowMajor(shape), offset: 1 })],
    ['fortranOrder', of({ fortranOrder: true })],
    ['order column-major', of({ order: 'column-major' })],
    ...endless().map(([label, value]) => [`shape ${label}`, of({ shape: value })]),
    ...others,
  ];
  // Of a vector there is one order, and of a matrix of one axis its stride is 1.
  const oneOrder = shape.filter((size) => size > 1).length < 2 ? /transpose|fortran|order/ : /^$/;
  return spoilt.filter(([label]) => !oneOrder.test(label) && !(shape.length === 1 && label === 'strides of another rank'));
}

const rowMajor = (shape) => shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
const columnMajor = (shape) => shape.map((_, axis) => shape.slice(0, axis).reduce((a, b) => a * b, 1));

const withElement = ({ data, shape }, value) => ({ data: Float32Array.from(data, (x, i) => (i === 0 ? value : x)), shape });

/** Gates are numbers, lists or tensors; `outside` are numbers that this one refuses wherever they stand. */
function gates(good, world, outside) {
  const isTensor = good?.data !== undefined;
  return [
    ...strange(), ...text(), ...booleans(), ['object', {}], ['cyclic list', cyclic()], ...endless(),
    ['list of text', ['a', 'b']], ['list of null', [null, null]], ['list of lists', [[1], [2]]], ['list of 3', [-1, -1, -1]], ['bigints', BigInt64Array.of(1n, 2n)],
    ...outside.map((x) => [`number ${x}`, x]),
    ...outside.map((x) => [`list with ${x}`, [-0, x]]),
    ...(isTensor ? [...tensors(good, world).filter(([label]) => label !== 'rank 0'), ...outside.map((x) => [`tensor with ${x}`, withElement(good, x)])] : []),
    ...anything(4, 4, (value) => isNumber(value) || isNumbers(value)),
  ];
}

const GATES = { decay: [NaN, 100, Infinity], g: [NaN, 0.5, Infinity], alpha: [NaN, -0.5, 1.5], gamma: [NaN, -0.5, 1.5] };
const integers = (extra) => [...numbers([NaN, Infinity, -Infinity, -1, 0.5, -(2 ** 40), ...extra]), ['text', '1'], ...strange(), ...nothing(), ...booleans(), ...objects(), ...anything(2, 3, isNumber)];
const reals = (extra) => [...numbers([NaN, Infinity, -Infinity, 1e39, -1e300, ...extra]), ['text', '1'], ...strange(), ...nothing(), ...booleans(), ...objects(), ...anything(3, 3, isNumber)];
const flags = () => [...numbers([0, 1, NaN]), ...text(), ...strange(), ...nothing(), ...objects(), ...anything(5, 3, (value) => typeof value === 'boolean')];
const choices = () => [...numbers([0, 1, NaN]), ...text(), ['toString', 'toString'], ['__proto__', '__proto__'], ...strange(), ...nothing(), ...booleans(), ...objects(), ...anything(6, 3, () => false)];
const tensorSlot = (good, world) => [...numbers([0, 1, NaN]), ...text(), ...strange(), ...nothing(), ...booleans(), ...objects(), ...endless(), ['bare array', gaussian([3], 1).data], ...tensors(good, world), ...anything(1, 4, () => false)];

function lengths(good) {
  const most = 1000;
  return [
    ...numbers([3, NaN]), ...text(), ...strange(), ...nothing(), ...booleans(), ['object', {}], ...endless(), ['cyclic list', cyclic()],
    ['none', []], ['one', [1]], ['three', [1, 1, 1]], ['negative', [1, -1]], ['fraction', [1, 1.5]], ['NaN', [1, NaN]], ['infinite', [Infinity, 1]], ['too long', [1, most]],
    ['text in it', ['1', '1']], ['null in it', [null, 1]], ['symbols', [Symbol('a'), Symbol('b')]], ['holes', new Array(good.length)], ['NaN typed', Float32Array.of(1, NaN)],
    ...anything(7, 4, isNumbers),
  ];
}

/** Tokens to take back of each of two rows, of which there is one. */
const taken = () => [...integers([2]).filter(([label]) => label !== 'list'), ...lengths([1, 1]).filter(([label]) => !/^3$/.test(label))];

/** Numbers of rows of a batch of 2. */
const rows = () => [
  ...numbers([3, NaN]), ...text(), ...strange(), ...nothing(), ...booleans(), ['object', {}], ...endless(), ['cyclic list', cyclic()],
  ['past the last', [0, 2]], ['negative', [-1]], ['fraction', [0.5]], ['NaN', [NaN]], ['infinite', [Infinity]], ['text in it', ['1']], ['null in it', [null]], ['symbols', [Symbol('a')]], ['holes', new Array(2)], ['NaN typed', Float32Array.of(NaN)],
  ...anything(13, 4, isNumbers),
];

function outs(good, { others }) {
  const n = good.length ?? good.data.length;
  return [
    ...numbers([0, NaN]), ...text(), ...strange(), ...nothing(), ...booleans(), ...objects(), ...endless(),
    ['too short', new Float32Array(n - 1)], ['too long', new Float32Array(n + 1)], ['Float64Array', new Float64Array(n)], ['plain list', new Array(n).fill(0)],
    ['detached', detached(n)], ['shrunk', shrunk(n)], ['lies about its length', lying(n)], ['prototype of Float32Array', Object.create(Float32Array.prototype)], ['revoked', revoked(new Float32Array(n))], ['proxy', new Proxy(new Float32Array(n), {})],
    ...others,
    ...anything(8, 4, () => false),
  ];
}

function shapes() {
  return [
    ...numbers([5, NaN]), ...text(), ...strange(), ...nothing(), ...booleans(), ['object', {}], ['cyclic list', cyclic()], ...endless(),
    ['negative', [-1]], ['fraction', [1.5]], ['NaN', [NaN]], ['infinite', [Infinity]], ['2^53', [2 ** 53]], ['overflow', [2 ** 40, 2 ** 40]], ['8 GB', [2 ** 31]], ['text in it', ['2']], ['null in it', [null]], ['holes', new Array(2)], ['bigint past 2^64', [2n ** 70n]],
    ...anything(9, 4, isNumbers),
  ];
}

const dataOf = () => [
  ...numbers([5, NaN]), ...text(), ...strange(), ...nothing(), ...booleans(), ...objects(), ...endless(),
  ['too few', [1]], ['too many', new Array(7).fill(0)], ['text in it', ['1', '2', '3', '4', '5', '6']], ['bigints', [1n, 2n, 3n, 4n, 5n, 6n]], ['bigint array', new BigInt64Array(6)], ['holes', new Array(6)],
  ['detached', detached(6)], ['shrunk', shrunk(6)], ['lies about its length', lying(6)], ['DataView', new DataView(new ArrayBuffer(24))], ['prototype of Float32Array', Object.create(Float32Array.prototype)],
  ...anything(10, 4, () => false),
];

function files(good) {
  const flipped = (at) => Uint8Array.from(good, (byte, i) => (i === at ? byte ^ 1 : byte));
  return [
    ...numbers([0]), ...text(), ...strange(), ...nothing(), ...booleans(), ...objects(), ...endless(),
    ['ArrayBuffer', good.buffer.slice(0)], ['plain list', [...good]], ['Int8Array', new Int8Array(good.length)], ['empty', new Uint8Array(0)], ['detached', detached(4, Uint8Array)], ['lies about its length', Object.defineProperty(new Uint8Array(2), 'length', { value: good.length })],
    ...Array.from({ length: 12 }, (_, i) => Math.floor((i * good.length) / 12)).flatMap((at) => [[`byte ${at} flipped`, flipped(at)], [`cut at ${at}`, good.slice(0, at)]]),
    ['one byte more', Uint8Array.of(...good, 0)],
    ...anything(11, 4, () => false),
  ];
}

/** Slopes, or a tensor. */
function biases(good, world) {
  return [
    ...numbers([0, 1, NaN]), ...strange(), ...text(), ...nothing(), ...booleans(), ['object', {}], ['cyclic list', cyclic()], ...endless(),
    ['list of text', ['a', 'b', 'c', 'd']], ['list of 3', [1, 1, 1]], ['list with NaN', [1, 1, NaN, 1]], ['list with Infinity', [Infinity, 1, 1, 1]], ['bigints', BigInt64Array.of(1n, 2n, 3n, 4n)],
    ['slopes of other heads', gaussian([3], 1)], ['slopes with NaN', { data: Float32Array.of(1, NaN, 1, 1), shape: [4] }], ['rank 2', gaussian([6, 6], 1)], ['other heads', gaussian([2, 6, 6], 1)], ['a key more', gaussian([4, 6, 7], 1)],
    ...(good.data ? tensors(good, world) : []),
    ...anything(13, 4, isNumbers),
  ];
}

/** Results of softmaxPart. */
function parts(good, world) {
  const spoilt = Object.keys(good).flatMap((name) => [['no', undefined], ...tensors(good[name], world)].map(([label, value]) => [`${label} ${name}`, { ...good, [name]: value }]));
  return [...numbers([0, NaN]), ...text(), ...strange(), ...nothing(), ...booleans(), ...objects(), ...spoilt, ...anything(14, 4, () => false)];
}

const held = (_, { wrongHeld }) => [...numbers([0, NaN]), ...text(), ...strange(), ...nothing(), ...booleans(), ...objects(), ...endless(), ...wrongHeld, ...anything(12, 4, () => false)];
const maps = (_, { wrongMaps }) => [...choices(), ['learned by name', 'learned'], ['cosformer by name', 'cosformer'], ...wrongMaps];

/** Rows by the name of the argument of the call `title`. world: rows of objects that it may not have: { others, wrongHeld, wrongMaps }. */
export function badValues(title, name, good, world) {
  if (name === 'beta') return gates(good, world, /delta(Net|rule)|kda/i.test(title) ? [NaN, -0.5, 2.5] : [NaN]);
  if (name === 'bias' && title.startsWith('softmax')) return biases(good, world);
  // Of a cache as many rows are picked as it has; some are reset, or none.
  if (title === 'cache.select') return lengths(good);
  if (title === 'cache.reset') return lengths(good).filter(([label]) => label !== 'none' && label !== 'one');
  if (GATES[name]) return gates(good, world, GATES[name]);
  if (title.startsWith('featureMap ') && name === 'featureMap') return choices();
  const rows = (SLOTS[name] ?? tensorSlot)(good, world);
  // Layers and maps take vectors of any rank, and weights from wherever they can be read.
  if (title.endsWith('.apply')) return rows.filter(([label]) => label !== 'rank 9');
  // Of a foreign x the other sizes are wrong first.
  if (title === 'mamba2' && name === 'x') return rows.filter(([label]) => label !== 'tensor of another instance');
  // null is an input that was left out.
  if (title === 'LinearAttention' && /^(past_state|decay|beta)$/.test(name)) return rows.filter(([label]) => label !== 'null');
  // Sizes of an operator may be 64-bit integers.
  if (title === 'LinearAttention' && /^(q_num_heads|kv_num_heads|chunk_size)$/.test(name)) return rows.filter(([label]) => label !== 'bigint');
  return /^(dense|layerNorm)$/.test(title) ? rows.filter(([label]) => !/^(tensor of another|disposed)/.test(label)) : rows;
}

/** What options themselves may not be. */
export const badOptions = () => [...numbers([0, 5]), ...text(), ...strange().filter(([label]) => /symbol|bigint|function$|revoked/.test(label)), ...nothing(), ...booleans()];

/** A Float32Array of the right length will do. */
const sums = (good, world) => [...tensorSlot(good, world), ['bare array of one more', new Float32Array(good.data.length + 1)]];

const limited = (extra) => () => integers(extra);
const SLOTS = {
  batch: limited([0, 2 ** 53]), heads: limited([0, 2 ** 53]), dim: limited([0, 2 ** 20]), valueDim: limited([0, 2 ** 20]), maxLength: limited([0, 2 ** 53]),
  features: limited([0, 2 ** 20]), seed: limited([2 ** 53]), stream: limited([2 ** 53]), nu: limited([0, 2 ** 20]), position: limited([]),
  q_num_heads: limited([0, 3]), kv_num_heads: limited([0, 3]), chunk_size: limited([]),
  softmaxScale: () => reals([]), learningRate: () => reals([-1]), beta1: () => reals([-1, 1]), beta2: () => reals([-1, 1]), weightDecay: () => reals([-1]),
  scale: () => reals([]), eps: () => reals([-1]), epsilon: () => reals([-1]), temperature: () => reals([-1]),
  ...Object.fromEntries(['causal', 'normalize', 'allowGrowth', 'biasGradient', 'orthogonal', 'hyperbolic', 'normTerm', 'gaussian', 'dtSoftplus', 'allowNegativeEigenvalues'].map((name) => [name, flags])),
  ...Object.fromEntries(['layout', 'kind', 'as', 'dialect', 'activation', 'update_rule'].map((name) => [name, choices])),
  dFinalState: sums, dFinalKeySum: sums,
  keyLengths: lengths, lengths, starts: lengths, sequences: lengths, out: outs, state: held, cache: held, other: held, later: held, start: limited([2 ** 53]), transition: flags, rows, n: taken, history: limited([2 ** 53]), featureMap: maps, shape: shapes, data: dataOf, bytes: files,
  window: limited([0, 2 ** 53]), sinks: limited([2 ** 53]), length: limited([1000, 2 ** 53]), causalOffset: () => integers([2 ** 53]).filter(([label]) => label !== '-1'),
  softcap: () => reals([0, -1]), a: parts, b: parts,
  A: (good, world) => gates(good, world, [NaN]), dtBias: (good, world) => gates(good, world, [NaN]), D: (good, world) => gates(good, world, []),
  dt: (good, world) => [...tensorSlot(good, world), ['with NaN', withElement(good, NaN)]],
};
