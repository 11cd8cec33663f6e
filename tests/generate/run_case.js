/** Runs a case on the library and compares what comes out with the oracle. */
import assert from 'node:assert';
import { createAttention } from '../../web/index.js';
import { createAttention as createWorker } from '../../web/worker.js';
import { createThreaded } from '../threaded.js';
import { assertClose, assertSame } from '../tolerance.js';
import { guarded, joinTime, poison, sizeOf, sliceTime, swapLayout, tensorOf } from '../util.js';
import { AXES, headsOf } from './axes.js';
import { expectedOf } from './expected.js';
import { inputsOf } from './inputs.js';
import { toleranceOf } from './maps.js';
import { askSoftmax, optionsOf, viewOf } from './softmax_options.js';

/** Every instance that cases run on, made once: of each entry one for every number of threads. */
export async function openInstances() {
  const made = {};
  for (const threads of AXES.threads) {
    made[`main ${threads}`] = threads === 1 ? await createAttention({ build: 'simd' }) : await createThreaded('simd', threads);
    made[`worker ${threads}`] = await createWorker({ build: 'simd', threads });
    assert.equal(await made[`worker ${threads}`].threads, threads);
  }
  return {
    of: ({ entry, threads }) => made[`${entry} ${threads}`],
    close: () => Promise.all(Object.values(made).map((attention) => attention.dispose())),
  };
}

/** [batch, heads, length, …] as the case lays it out, without the leading axes that its rank leaves out. */
export function layOut({ layout, rank }, x) {
  if (rank === 2) return { data: x.data, shape: x.shape.slice(2) };
  const { data, shape } = layout === 'bthd' ? swapLayout(x) : x;
  return { data, shape: shape.slice(4 - rank) };
}

/** The inverse of layOut for a result of `heads` heads. */
function restoreLayout({ layout, batch }, { data, shape }, heads) {
  const length = sizeOf(shape) === 0 ? 0 : sizeOf(shape.slice(0, -1)) / batch / heads;
  const plain = { data, shape: layout === 'bthd' ? [batch, length, heads, shape.at(-1)] : [batch, heads, length, shape.at(-1)] };
  return layout === 'bthd' ? swapLayout(plain) : plain;
}

/** A token [batch, heads, 1, d] as step() takes it. */
const asToken = ({ rank }, { data, shape: [B, H, , d] }) => ({ data, shape: [B, H, d].slice(rank === 4 ? 0 : 1) });

/** A gate of one call: a number, a list or a tensor, its axis of features only where it has some. */
export function layOutGate(one, gate, call) {
  if (gate === null) return undefined;
  if (gate.shape.length === 0) return gate.data[0];
  if (gate.shape.length === 1) return Array.from(gate.data);
  const part = sliceTime(gate, call.from, call.to);
  const isShared = one.rule === 'delta shared' && !gate.isDecay;
  const wide = part.shape[3] > 1 || one.decay === 'channel' && gate.isDecay;
  const { data, shape } = call.step ? asToken(one, part) : layOut(one, part);
  const heads = call.step ? shape.length - 2 : one.layout === 'bhtd' ? shape.length - 3 : shape.length - 2;
  const kept = shape.filter((_, axis) => !(isShared && axis === heads && one.rank === 4) && (wide || axis < shape.length - 1));
  return { data, shape: kept };
}

/** What a test holds until its end. */
export class Keep {
  #objects = [];
  add(object) {
    this.#objects.push(object);
    return object;
  }
  async release() {
    for (const object of this.#objects.reverse()) await object.dispose();
  }
}

/** Ways to hand a tensor in. 'live' is read at the last moment: growth detaches views. */
export const HAND_IN = {
  arrays: (_, __, x) => x,
  transferred: (_, __, x) => x,
  async views(_, __, { data, shape }) {
    const wide = new Float32Array(data.length + 8).fill(NaN);
    wide.set(data, 5);
    return { data: wide.subarray(5, 5 + data.length), dims: shape };
  },
  resident: async (attention, keep, { data, shape }) => keep.add(await attention.tensor(shape, data)),
  async live(attention, keep, { data, shape }) {
    const tensor = keep.add(await attention.tensor(shape, data));
    return { get data() { return tensor.data; }, shape };
  },
};

/** Ways to ask for a result: { out, check }. */
const ASK = {
  none: () => ({ out: undefined }),
  array: (_, __, shape) => ({ out: poison(sizeOf(shape)) }),
  view: (_, __, shape) => guarded(sizeOf(shape)),
  resident: async (attention, keep, shape) => ({ out: keep.add(await attention.tensor(shape, poison(sizeOf(shape)))) }),
  async live(attention, keep, shape) {
    const tensor = keep.add(await attention.tensor(shape, poison(sizeOf(shape))));
    return { get out() { return tensor.data; }, tensor };
  },
};

async function readData(x) {
  return (await x.data).slice();
}

/** One call of the case: its output as [batch, heads, length, valueDim]. */
async function callOnce(one, attention, inputs, held, call) {
  const keep = new Keep();
  try {
    const form = (x) => (call.step && one.map !== 'softmax' ? asToken(one, x) : layOut(one, x));
    const parts = [sliceTime(inputs.q, call.qFrom, call.qTo), sliceTime(inputs.k, call.from, call.to), sliceTime(inputs.v, call.from, call.to)].map(form);
    const copies = parts.map(({ data }) => data.slice());
    const given = [];
    for (const x of parts) given.push(await HAND_IN[one.input](attention, keep, x));
    const gate = async (name) => {
      const value = layOutGate(one, inputs[name], call);
      return value?.shape && one.input !== 'live' ? HAND_IN[one.input](attention, keep, value) : value;
    };
    const isStep = call.step && one.map !== 'softmax';
    const { shape } = form(tensorOf([one.batch, headsOf(one).most, call.qTo - call.qFrom, one.valueDim], () => 0));
    const [decay, beta] = one.map === 'softmax' ? [] : [await gate('decay'), await gate('beta')];
    const asked = await ASK[one.out](attention, keep, shape);
    const options = {
      ...(asked.out && { out: asked.out }),
      ...(decay !== undefined && { decay }),
      ...(beta !== undefined && { beta }),
      ...(one.sliced === 'yes' && { onProgress: () => {} }),
      ...(one.input === 'transferred' && { transfer: true }),
      ...(!isStep && { causal: one.causal === 'causal', layout: one.layout, ...held.options }),
      ...(one.map === 'softmax' && await optionsOf(one, call, (x) => HAND_IN[one.input](attention, keep, x))),
      ...(one.map !== 'softmax' && call.sequences && { sequences: call.sequences }),
      ...(one.map !== 'softmax' && call.starts && { lengths: call.keyLengths, ...(one.keyLengths === 'padded' && { starts: call.starts }) }),
      ...(call.keyLengths && (one.map === 'softmax' || !call.starts) && { keyLengths: call.keyLengths }),
    };
    const ask = isStep ? (...args) => held.object.step(...args) : one.map === 'softmax' ? (...args) => askSoftmax(one, attention, ...args) : (...args) => attention.linear(...args);
    const result = await ask(...given, options);
    assert.deepEqual(Array.from(result.shape), shape, 'shape of the result');
    asked.check?.();
    if (one.out === 'array' || one.out === 'view') assert.equal(result.data, asked.out, 'the result is not in out');
    if (one.out === 'resident') assert.equal(result, asked.out, 'the result is not out');
    const data = asked.tensor ? asked.tensor.data.slice() : await readData(result);
    if (one.input !== 'transferred') {
      for (const [i, x] of given.entries()) assertSame(await readData(x), copies[i], `${'qkv'[i]} after the call`);
    }
    return restoreLayout(isStep ? { ...one, layout: 'bhtd' } : one, { data, shape }, headsOf(one).most);
  } finally {
    await keep.release();
  }
}

/** A copy of the state that has absorbed the call's keys and values. */
async function absorbBeside(one, attention, inputs, state, call) {
  const copy = await state.clone();
  await absorbInto(one, attention, inputs, copy, call);
  return copy;
}

/** Has a state absorb a call's keys and values. */
async function absorbInto(one, attention, inputs, state, call) {
  const part = (x) => layOut(one, sliceTime(x, call.from, call.to));
  const [decay, beta] = ['decay', 'beta'].map((name) => layOutGate(one, inputs[name], { ...call, step: false }));
  const rows = call.starts ? { lengths: call.keyLengths, starts: call.starts } : { keyLengths: call.keyLengths ?? undefined };
  const same = await attention.absorb(part(inputs.k), part(inputs.v), { state, layout: one.layout, decay, beta, ...rows });
  assert.deepEqual(await same.lengths, await state.lengths);
}

/** One call of the case, as callOnce, and beside it what the case has happen beside. */
async function callBeside(one, attention, inputs, held, call) {
  if (one.beside === 'nothing') return callOnce(one, attention, inputs, held, call);
  const copy = await absorbBeside(one, attention, inputs, held.object, call);
  try {
    const result = await callOnce(one, attention, inputs, held, call);
    assertClose(await readData(copy), await readData(held.object), { rule: toleranceOf(one), name: 'S of absorb' });
    if (held.object.normalize) assertClose(await copy.keySum, await held.object.keySum, { rule: toleranceOf(one), name: 'z of absorb' });
    assert.deepEqual(await copy.lengths, await held.object.lengths);
    return result;
  } finally {
    await copy.dispose();
  }
}

/** What the calls share: the options that do not change, and the state or cache where there are several. */
async function open(one, attention, keep, inputs) {
  const { batch, dim, valueDim, length, scale, eps, normalize } = one;
  const settings = { ...(scale !== 'default' && { scale }) };
  const sizes = { batch, heads: headsOf(one).states, dim, valueDim };
  if (one.map === 'softmax') {
    if (one.split === 'whole') return { options: settings };
    const made = { ...sizes, ...(one.mask === 'windowed cache' ? viewOf(one) : { maxLength: Math.max(length, 1) }) };
    const object = keep.add(await attention.cache(made));
    return { options: { ...settings, cache: object }, object, settings: made };
  }
  Object.assign(settings, { ...(eps !== 'default' && { eps }), ...(normalize !== 'default' && { normalize: normalize === 'yes' }) });
  const { name, options } = inputs.map;
  settings.featureMap = options ? keep.add(await attention.featureMap(name, options)) : name;
  if (one.split === 'whole') return { options: settings };
  const isGated = one.rule !== 'linear' || one.decay !== 'none';
  const made = { ...(one.carry === 'rewound' && { history: Math.max(length, 1) }), ...sizes, ...settings, normalize: normalize === 'default' ? !isGated : normalize === 'yes' };
  const object = keep.add(await attention.state(made));
  return { options: { ...settings, state: object, ...(normalize === 'default' && { normalize: undefined }) }, object, settings: made };
}

/** For each call what absorbs its tokens into a state, and where they begin. */
const partsOf = (one, attention, inputs, calls) => calls.map((call) => ({ start: call.from, absorb: (state) => absorbInto(one, attention, inputs, state, call) }));

/** A state merged of one for each part, the last two first. */
async function mergeParts(attention, settings, parts) {
  const states = [await attention.state(settings)];
  for (const { start, absorb } of parts) {
    const part = await attention.state({ ...settings, transition: true, start });
    states.push(part);
    await absorb(part);
  }
  while (states.length > 1) {
    const later = states.pop();
    await states.at(-1).merge(later);
    await later.dispose();
  }
  return states[0];
}

/** The rows turned round and the first once more; then as they were. */
async function selectTwice(state, batch) {
  const turned = Array.from({ length: batch }, (_, b) => batch - 1 - b);
  await state.select([...turned, 0]);
  await state.select(turned);
}

/** Makes a call once more, which comes to nothing; its tokens, of every row its own number, are taken back. */
async function takeBack(state, again) {
  const before = await state.lengths;
  await again();
  await state.rewind((await state.lengths).map((length, b) => length - before[b]));
}

/** Goes on with a copy of the state or cache, and leaves none of the old one. */
async function replaceHeld({ carry, map, batch }, attention, keep, held, again, parts) {
  if (carry === 'kept') return;
  const old = held.object;
  if (carry === 'merged') {
    held.object = keep.add(await mergeParts(attention, held.settings, parts));
    held.options.state = held.object;
    await old.dispose();
    return;
  }
  if (carry === 'selected') return selectTwice(old, batch);
  if (carry === 'rewound') return takeBack(old, again);
  const copies = {
    clone: () => old.clone(),
    restored: async () => attention[map === 'softmax' ? 'restoreCache' : 'restore'](await old.save()),
    copied: async () => {
      const fresh = await attention[map === 'softmax' ? 'cache' : 'state'](held.settings);
      await fresh.copyFrom(old);
      return fresh;
    },
  };
  held.object = keep.add(await copies[carry]());
  held.options[map === 'softmax' ? 'cache' : 'state'] = held.object;
  if (map === 'softmax') await old.reset();
  await old.dispose();
}

/** Whether a state's data are S and z themselves: powers are taken out of favor's, rff's and exp's, and of ratios whose sums decay away. */
const holdsPlainSums = ({ map, eps, normalize, decay, strength }) => !/^(favor|rff|learned exp)/.test(map) && !(eps === 0 && normalize === 'yes' && (decay === 'token' || strength !== 'mild'));

/** Throws unless the library gives what the oracle says, leaves the inputs alone, and holds no memory afterwards. */
export async function runCase(one, instances) {
  const attention = instances.of(one);
  const inputs = inputsOf(one);
  if (inputs.decay) inputs.decay.isDecay = true;
  const expected = expectedOf(one, inputs);
  // A map that is drawn by its name is the instance's own from then on.
  await attention.weights(...[0, 1].map(() => ({ data: new Float32Array(one.dim), shape: [1, one.dim] })), { kind: 'linear', featureMap: one.map.startsWith('rff') ? 'rff' : 'favor' });
  const before = await attention.memory;
  const keep = new Keep();
  try {
    const held = await open(one, attention, keep, inputs);
    const outputs = [];
    for (const [i, call] of inputs.calls.entries()) {
      if (i === Math.ceil(inputs.calls.length / 2)) await replaceHeld(one, attention, keep, held, () => callOnce(one, attention, inputs, held, call), partsOf(one, attention, inputs, inputs.calls.slice(0, i)));
      outputs.push(await callBeside(one, attention, inputs, held, call));
    }
    const rule = toleranceOf(one);
    assertClose(joinTime(outputs), expected.o, { rule, name: 'o' });
    if (held.object) {
      if (expected.lengths) assert.deepEqual(await held.object.lengths, expected.lengths, 'lengths');
      if (one.map !== 'softmax' && one.keyLengths === 'none') assert.equal(await held.object.length, one.length, 'length');
      if (expected.S && holdsPlainSums(one)) {
        assertClose({ data: await readData(held.object), shape: expected.S.shape }, expected.S, { rule, name: 'S' });
        if (held.object.normalize) assertClose({ data: await held.object.keySum, shape: expected.z.shape }, expected.z, { rule, name: 'z' });
      }
    }
  } finally {
    await keep.release();
  }
  assert.equal(await attention.memory, before, 'bytes still in use after the case');
}
