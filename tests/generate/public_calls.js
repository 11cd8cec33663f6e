/**
 * A good call of every public method, as data: `names` and `values` of its arguments, its `options`, what it is called on,
 * and `live`, the states, caches and tensors that it may touch. Tests spoil them one by one.
 */
import { dense, layerNorm, sampler } from '../../web/nn.js';
import { LinearAttention } from '../../web/onnx.js';
import { gaussian, tensorOf } from '../util.js';

const B = 2;
const HEADS = 4;
const KV = 2;
const T = 6;
const VALUE_DIM = 3;

const below0 = (shape, seed) => tensorOf(shape, (i) => -0.1 - ((i * 7 + seed) % 5) / 10);
const unit = (shape, seed) => tensorOf(shape, (i) => 0.1 + ((i * 5 + seed) % 7) / 10);

/** `dim` also tells calls apart that make maps of their own the first time. */
export function publicCalls(attention, keep, dim = 5) {
  const qkv = () => [gaussian([B, HEADS, T, dim], 1), gaussian([B, KV, T, dim], 2, 0.3), gaussian([B, KV, T, VALUE_DIM], 3)];
  const token = () => [gaussian([B, HEADS, dim], 1), gaussian([B, KV, dim], 2, 0.3), gaussian([B, KV, VALUE_DIM], 3)];
  const out = () => new Float32Array(B * HEADS * T * VALUE_DIM);
  const seen = { batch: B, heads: KV, dim, valueDim: VALUE_DIM };
  const state = (options) => {
    const made = keep(attention.state({ ...seen, ...options }));
    made.step(...token());
    return made;
  };
  const cache = () => {
    const made = keep(attention.cache({ ...seen, maxLength: 500 }));
    attention.softmax(...qkv(), { cache: made });
    return made;
  };
  const windowed = () => {
    const made = keep(attention.cache({ ...seen, window: 5, sinks: 2 }));
    attention.softmax(...qkv(), { cache: made });
    return made;
  };
  const presetState = (scale) => state({ featureMap: 'identity', normalize: false, scale });
  const on = (target, method) => (values, options) => target[method](...values, ...(options === undefined ? [] : [options]));
  const sequence = (title, method, options, names = ['q', 'k', 'v'], values = qkv()) => ({ title, names, values, options, live: [options.state, options.cache, options.out].filter((x) => x?.dispose), call: on(attention, method) });
  const gates = { decay: below0([B, KV, T], 4), beta: unit([B, KV, T], 5) };
  const channel = below0([B, KV, T, dim], 6);
  const preset = (method, options, ...rest) => sequence(method, method, { scale: 0.5, keyLengths: [T, 3], layout: 'bhtd', state: presetState(0.5), out: out(), ...options }, ...rest);
  /** With a matrix of what its token does to an earlier state. */
  const moved = (options) => {
    const made = keep(attention.state({ ...seen, featureMap: 'identity', normalize: false, transition: true, ...options }));
    made.step(...token(), { decay: -0.1, beta: 0.5 });
    return made;
  };
  const stepped = state({});
  const delta = state({ featureMap: 'identity', normalize: false });
  const stored = cache();
  const layer = keep(dense(attention, { weight: gaussian([8, dim], 8), bias: gaussian([8], 9) }));
  const norm = keep(layerNorm(attention, { weight: gaussian([dim], 8), bias: gaussian([dim], 9) }));
  const draws = keep(sampler(attention, { batch: 2, seed: 3 }));
  const map = keep(attention.featureMap('favor', { dim, features: 6 }));
  const made = (title, names, values, options, call) => ({ title, names, values, options, live: [], call });
  const onState = (title, target, method, names, values, options) => ({ title, names, values, options, live: [target], call: on(target, method) });
  const maps = {
    elu: {}, relu: {}, identity: {}, taylor: {}, dpfp: { nu: 2 },
    favor: { features: 6, seed: 3, orthogonal: true, hyperbolic: true, normTerm: false, epsilon: 1e-3 },
    rff: { features: 6, seed: 3, orthogonal: false, gaussian: true },
    hedgehog: { heads: KV, weights: gaussian([KV, dim, dim], 1), bias: gaussian([dim], 2), keyWeights: gaussian([dim, dim], 3), keyBias: gaussian([KV, dim], 4), dialect: 'joint', features: 2 * dim },
    learned: { heads: KV, weights: gaussian([dim, 3], 1), bias: gaussian([KV, 3], 2), keyWeights: gaussian([KV, dim, 3], 3), keyBias: gaussian([3], 4), activation: 'exp' },
    cosformer: { maxLength: 50 },
  };
  return [
    sequence('softmax', 'softmax', { causal: true, scale: 0.5, keyLengths: [T, 3], layout: 'bhtd', out: out() }),
    sequence('softmax, full, resident out', 'softmax', { causal: false, out: keep(attention.tensor([B, HEADS, T, VALUE_DIM])) }),
    sequence('softmax with a cache', 'softmax', { causal: true, scale: 0.5, keyLengths: [2 * T, 3], cache: stored, layout: 'bhtd', out: out() }),
    sequence('softmax, window and bias', 'softmax', { window: 4, sinks: 1, causalOffset: -1, softcap: 3, bias: gaussian([HEADS, T, T], 4), lengths: [T, 4], starts: [0, 2] }),
    sequence('softmax, slopes', 'softmax', { bias: [0.5, 0.25, 0.125, 0.0625], sequences: [0, 2, T] }),
    sequence('softmax, windowed cache', 'softmax', { lengths: [T - 1, 3], starts: [1, 0], cache: windowed() }),
    { ...sequence('softmaxPart', 'softmaxPart', { causal: true, scale: 0.5, keyLengths: [T, 3], layout: 'bhtd' }), },
    made('mergeSoftmax', ['a', 'b'], [1, 2].map((seed) => attention.softmaxPart(qkv()[0], gaussian([B, KV, T, dim], seed), qkv()[2])), undefined, (values) => attention.mergeSoftmax(...values)),
    sequence('linear, full', 'linear', { featureMap: 'elu', causal: false, normalize: true, scale: 0.5, eps: 1e-5, keyLengths: [T, 3], layout: 'bhtd', out: out() }),
    sequence('linear, causal', 'linear', { featureMap: 'relu', causal: true }),
    sequence('linear, state', 'linear', { state: state({ featureMap: map }), keyLengths: [T, 3], causal: true, featureMap: map, normalize: true, scale: 1, eps: 1e-6 }),
    sequence('linear, full, state', 'linear', { state: state({ featureMap: map }), out: keep(attention.tensor([B, HEADS, T, VALUE_DIM])) }),
    sequence('linear, ragged', 'linear', { state: state({}), causal: true, lengths: [T - 1, 2], starts: [1, 3], out: out() }),
    sequence('linear, packed', 'linear', { causal: true, sequences: [0, 2, T], out: out() }),
    sequence('linear, decay', 'linear', { featureMap: 'identity', decay: channel, allowGrowth: true, normalize: true }),
    sequence('linear, delta', 'linear', { featureMap: 'hedgehog', ...gates, normalize: false, out: out() }),
    ...['favor', 'rff', 'taylor', 'dpfp'].map((featureMap) => sequence(`linear, ${featureMap} by name`, 'linear', { featureMap, causal: true })),
    ...[['absorb', {}], ['absorb, gated delta', gates]].map(([title, options]) => sequence(title, 'absorb', { state: state({ featureMap: 'identity', normalize: false, history: 2 }), lengths: [T - 1, 2], starts: [0, 3], layout: 'bhtd', allowGrowth: false, ...options }, ['k', 'v'], qkv().slice(1))),
    preset('retention', { gamma: [0.9, 0.8] }),
    preset('mamba2', { out: new Float32Array(B * KV * T * VALUE_DIM), D: [0.5, 0.25], dtBias: [0.1, 0.2], dtSoftplus: true }, ['x', 'dt', 'A', 'B', 'C'], [gaussian([B, KV, T, VALUE_DIM], 1), unit([B, KV, T], 2), [-1, -0.5], gaussian([B, 1, T, dim], 3), gaussian([B, 1, T, dim], 4)]),
    preset('gla', { g: channel }),
    sequence('gla, ragged', 'gla', { g: channel, lengths: [T - 1, 2], starts: [0, 3] }),
    preset('deltaNet', { beta: gates.beta, allowNegativeEigenvalues: true }),
    preset('gatedDeltaNet', { alpha: unit([B, KV, T], 3), beta: gates.beta, allowNegativeEigenvalues: true }),
    preset('kda', { decay: channel, beta: gates.beta, allowNegativeEigenvalues: true }),
    ...Object.entries(maps).map(([name, options]) => made(`featureMap ${name}`, ['featureMap'], [name], { dim, ...options }, (values, given) => keep(attention.featureMap(...values, given)))),
    made('featureMap favor, projection', ['featureMap'], ['favor'], { dim, heads: KV, projection: gaussian([KV, 4, dim], 1) }, (values, given) => keep(attention.featureMap(...values, given))),
    made('map.apply', ['x'], [gaussian([2, 3, dim], 1)], { as: 'key', position: 1 }, on(map, 'apply')),
    made('state', [], [], { ...seen, featureMap: 'elu', normalize: true, scale: 0.5, eps: 1e-3, history: 2, start: 3 }, (_, options) => keep(attention.state(options))),
    made('state, favor by name', [], [], { ...seen, featureMap: 'favor' }, (_, options) => keep(attention.state(options))),
    onState('state.step', stepped, 'step', ['q', 'k', 'v'], token(), { decay: [-0.1, -0.2], out: new Float32Array(B * HEADS * VALUE_DIM) }),
    onState('state.step, delta', delta, 'step', ['q', 'k', 'v'], token(), { decay: below0([B, KV, dim], 1), beta: unit([B, KV], 2), out: keep(attention.tensor([B, HEADS, VALUE_DIM])) }),
    onState('state.step, ragged', state({}), 'step', ['q', 'k', 'v'], token(), { lengths: [1, 0], decay: [-0.1, -0.2] }),
    onState('state.set', stepped, 'set', ['S', 'z'], [gaussian([B, KV, dim, VALUE_DIM], 3), gaussian([B, KV, dim], 4)]),
    { ...onState('state.clone', stepped, 'clone', [], []), call: () => keep(stepped.clone()) },
    onState('state.select', state({}), 'select', ['rows'], [[1, 0, 1]]),
    onState('state.rewind', state({ history: 3 }), 'rewind', ['n'], [[1, 0]]),
    onState('state.step, history', state({ history: 3 }), 'step', ['q', 'k', 'v'], token(), { decay: [-0.1, -0.2], beta: unit([B, KV], 2) }),
    onState('state.merge', state({ transition: true }), 'merge', ['later'], [state({ transition: true, start: 1 })]),
    onState('state.merge, delta rule', moved({}), 'merge', ['later'], [moved({ start: 1 })]),
    onState('state.step, transition', moved({}), 'step', ['q', 'k', 'v'], token(), { decay: [-0.1, -0.2], beta: unit([B, KV], 2) }),
    onState('state.reset, transition', moved({}), 'reset', ['rows'], [[1]]),
    onState('state.select, transition', moved({}), 'select', ['rows'], [[1, 0, 1]]),
    onState('state.copyFrom', state({}), 'copyFrom', ['other'], [stepped]),
    onState('state.reset', state({}), 'reset', ['rows'], [[1]]),
    onState('state.save', stepped, 'save', [], []),
    made('restore', ['bytes'], [state({ featureMap: map }).save()], undefined, (values) => keep(attention.restore(...values))),
    onState('map.save', map, 'save', [], []),
    made('restoreMap', ['bytes'], [map.save()], undefined, (values) => keep(attention.restoreMap(...values))),
    made('cache', [], [], { ...seen, maxLength: 7 }, (_, options) => keep(attention.cache(options))),
    made('cache, window', [], [], { ...seen, window: 7, sinks: 2 }, (_, options) => keep(attention.cache(options))),
    { ...onState('cache.clone', stored, 'clone', [], []), call: () => keep(stored.clone()) },
    onState('cache.truncate', stored, 'truncate', ['length'], [3]),
    onState('cache.select', stored, 'select', ['rows'], [[1, 0]]),
    onState('cache.copyFrom', stored, 'copyFrom', ['other'], [cache()]),
    { ...onState('cache.reset', stored, 'reset', ['rows'], [[1]]) },
    onState('cache.save', stored, 'save', [], []),
    made('restoreCache', ['bytes'], [cache().save()], undefined, (values) => keep(attention.restoreCache(...values))),
    sequence('gap', 'gap', { featureMap: 'elu', causal: true, layout: 'bhtd' }),
    sequence('weights softmax', 'weights', { kind: 'softmax', featureMap: 'elu', causal: true, scale: 0.5, layout: 'bhtd' }, ['q', 'k'], qkv().slice(0, 2)),
    sequence('weights linear', 'weights', { kind: 'linear', featureMap: 'relu' }, ['q', 'k'], qkv().slice(0, 2)),
    made('tensor', ['shape'], [[2, 3]], undefined, (values) => keep(attention.tensor(...values))),
    made('tensor of data', ['shape', 'data'], [[2, 3], [1, 2, 3, 4, 5, 6]], undefined, (values) => keep(attention.tensor(...values))),
    made('dense', [], [], { weight: gaussian([8, dim], 8), bias: gaussian([8], 9), activation: 'relu' }, (_, options) => keep(dense(attention, options))),
    made('residual of dense.apply', ['x'], [gaussian([3, dim], 1)], { residual: gaussian([3, 8], 2) }, on(layer, 'apply')),
    made('dense.apply', ['x'], [gaussian([3, dim], 1)], { out: new Float32Array(24) }, on(layer, 'apply')),
    made('layerNorm', [], [], { weight: gaussian([dim], 8), bias: gaussian([dim], 9), eps: 1e-3 }, (_, options) => keep(layerNorm(attention, options))),
    made('layerNorm.apply', ['x'], [gaussian([3, dim], 1)], { out: new Float32Array(3 * dim) }, on(norm, 'apply')),
    made('sampler', [], [], { batch: 2, seed: 1, stream: 2, temperature: 0.5 }, (_, options) => keep(sampler(attention, options))),
    made('sampler.sample', ['logits'], [gaussian([2, 9], 1)], undefined, on(draws, 'sample')),
    made('LinearAttention', [], [], {
      query: gaussian([B, T, HEADS * dim], 1), key: gaussian([B, T, KV * dim], 2, 0.3), value: gaussian([B, T, KV * VALUE_DIM], 3),
      past_state: gaussian([B, KV, dim, VALUE_DIM], 4), decay: below0([B, T, KV * dim], 5), beta: unit([B, T, KV], 6),
      update_rule: 'gated_delta', q_num_heads: HEADS, kv_num_heads: KV, scale: 0.5, chunk_size: 16,
    }, (_, { update_rule, q_num_heads, kv_num_heads, scale, chunk_size, ...inputs }) => LinearAttention(attention, inputs, { update_rule, q_num_heads, kv_num_heads, scale, chunk_size })),
  ];
}

/** Calls whose work is divided otherwise: threads that share one head, and arrays so large that they are copied in pieces. `title`: one of them. */
export function dividedCalls(attention, keep, dim, title) {
  const fill = (shape, seed) => tensorOf(shape, (i) => ((i * (seed + 2)) % 13) / 7 - 0.8);
  const state = () => {
    const made = keep(attention.state({ heads: 1, dim: 5 }));
    made.step(...[1, 2, 3].map((seed) => fill([1, 5], seed)));
    return made;
  };
  const rows = [
    ...[true, false].flatMap((causal) => [
      [`softmax of one head, causal: ${causal}`, 'softmax', [1, 140, 5], () => ({ causal })],
      [`linear of one head, causal: ${causal}`, 'linear', [1, 140, 5], () => ({ causal, state: state() })],
      [`linear of one head of many features, causal: ${causal}`, 'linear', [1, 140, 12], () => ({ causal, featureMap: 'taylor' })],
    ]),
    ['delta rule of one head', 'linear', [1, 70, 9], () => ({ featureMap: 'identity', beta: 0.01 })],
    ['softmax in pieces', 'softmax', [2, 1100, 61], () => ({ causal: true })],
    ['linear in pieces', 'linear', [2, 1100, 61], () => ({ causal: true })],
  ];
  return rows
    .filter(([name]) => title === undefined || name === title)
    .map(([name, method, shape, options]) => ({
      title: name, names: ['q', 'k', 'v'], values: [1, 2, 3].map((seed) => fill(shape, seed)), live: [],
      options: { ...options(), out: new Float32Array(shape.reduce((a, b) => a * b)) },
      call: (values, given) => attention[method](...values, given),
    }));
}

/** Everything that a call returned, as numbers, for comparisons to the bit. */
export function numbersOf(result) {
  if (ArrayBuffer.isView(result)) return result.length > 10_000 ? [bytesOf(result)] : Array.from(result);
  if (result?.dq ?? result?.loss) return Object.values(result).flatMap((part) => (part.data ? numbersOf(part) : [part]));
  if (result?.output) return Object.values(result).flatMap(numbersOf);
  if (result?.perHead) return result.perHead.flatMap((head) => Object.values(head));
  if (result?.features !== undefined && result.apply) return numbersOf(result.apply(gaussian([result.heads, 2, result.dim], 1), { as: 'key' }));
  if (result?.apply) return numbersOf(result.apply(gaussian([2, result.inputs ?? result.width], 1)));
  if (result?.sample) return numbersOf(result.sample(gaussian([result.batch, 5], 1)));
  if (result?.data !== undefined) return [...numbersOf(result.data), ...(result.keySum ? Array.from(result.keySum) : []), ...(result.shape ?? [])];
  return result?.maxLength === undefined ? [] : [result.length, result.maxLength];
}

const bytesOf = (view) => Buffer.from(view.buffer, view.byteOffset, view.byteLength).toString('base64');

/** What a state, cache, tensor or array holds, as text that changes with any bit of it; of a cache, what a query reads from it. */
export function describeLive(attention, object) {
  if (ArrayBuffer.isView(object)) return bytesOf(object);
  if (object.maxLength !== undefined) {
    const { batch, heads, dim, valueDim, length } = object;
    const none = (width) => ({ data: new Float32Array(0), shape: [batch, heads, 0, width] });
    const query = gaussian([batch, heads, 5, dim], 77, 2);
    return `${length} ${bytesOf(attention.softmax(query, none(dim), none(valueDim), { cache: object }).data)}`;
  }
  return [object.length, ...[object.data, object.keySum].filter(Boolean).map(bytesOf)].join(' ');
}
