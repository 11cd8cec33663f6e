/** distill of linear-attention-wasm/learn/worker: what the main entry learns, from examples that the Worker pulls one at a time. */
import assert from 'node:assert';
import { suite } from 'uvu';
import * as learn from '../web/learn.js';
import { createAttention, distill } from '../web/learn_worker.js';
import { alike, dim, heads, length, random, several } from './distill_examples.js';
import { assertSame } from './tolerance.js';

const test = suite('distill: worker');
let [here, there, before] = [];
test.before(async () => {
  here = await learn.createAttention({ build: 'simd' });
  there = await createAttention({ build: 'simd' });
});
test.before.each(async () => (before = await there.memory));
test.after.each(async () => assert.equal(await there.memory, before, 'memory is left'));
test.after(async () => {
  here.dispose();
  await there.dispose();
});

const NAMES = ['weights', 'bias', 'keyWeights', 'keyBias'];
const rejection = (promise) => promise.then(() => null, (error) => error);

/** What the main entry learns of the same. */
async function expectedOf(examples, options) {
  const { featureMap, history } = await learn.distill(here, examples, options);
  const { weights } = featureMap;
  featureMap.dispose();
  return { weights, history };
}

/** Learns in the Worker, and throws unless that is what was expected, to the bit. */
async function assertLearns(expected, examples, options) {
  const { featureMap, history } = await distill(there, examples, options);
  const weights = await featureMap.weights;
  for (const name of NAMES) {
    assertSame(weights[name], expected.weights[name], name);
    assert.deepEqual(weights[name].shape, expected.weights[name].shape);
  }
  assert.deepEqual(history, expected.history);
  return featureMap;
}

/** Examples without end, of which it is known how many were asked for and whether they were told to end. */
function endless(when = () => {}) {
  const told = { asked: 0, isOver: false, last: null };
  async function* examples() {
    try {
      for (;;) {
        await when(++told.asked);
        yield (told.last = alike(told.asked));
      }
    } finally {
      told.isOver = true;
    }
  }
  return Object.assign(told, { examples: examples() });
}

test('every map and loss: the same bits as in place, and a map that the calls of the Worker take', async () => {
  const [examples, validation, { q, k, v }] = [several(alike, 1), several(alike, 501, 3), alike(7)];
  for (const options of [{ seed: 5, batch: 2, validation }, { map: 'learned', activation: 'exp', features: 12, loss: 'both' }, { map: 'learned', steps: 0 }, { loss: 'weights', causal: false }]) {
    const all = { steps: 21, ...options };
    const map = await assertLearns(await expectedOf(examples, all), examples, all);
    const again = here.restoreMap(await map.save());
    assertSame(await there.linear(q, k, v, { featureMap: map, causal: true }), here.linear(q, k, v, { featureMap: again, causal: true }));
    again.dispose();
    await map.dispose();
  }
});

test('one example, a list, generators, promises, resident and moved tensors teach the same', async () => {
  for (const examples of [alike(1), several(alike, 1, 3)]) {
    const expected = await expectedOf(examples, { steps: 5 });
    const list = [examples].flat();
    const resident = await Promise.all(list.map(async ({ q, k, v }) => ({ q: await there.tensor(q.shape, q.data), k, v })));
    const copies = list.map((one) => Object.fromEntries(Object.entries(one).map(([name, { data, shape }]) => [name, { data: data.slice(), shape }])));
    const forms = [
      [examples, {}],
      [(function* () { yield* list; })(), {}],
      [(async function* () { for (const one of list) yield await one; })(), {}],
      [list.map((one) => Promise.resolve(one)), {}],
      [list.length === 1 ? resident[0] : resident, {}],
      [list.length === 1 ? copies[0] : copies, { transfer: true }],
    ];
    for (const [form, own] of forms) await (await assertLearns(expected, form, { steps: 5, ...own })).dispose();
    assert.ok(copies.every(({ q, k, v }) => [q, k, v].every(({ data }) => data.length === 0)));
    for (const { q } of resident) await q.dispose();
  }
});

test('examples are asked for one at a time, and each property of one is read once', async () => {
  const said = [];
  const watched = (n) => new Proxy(alike(n), { get: (target, name) => (said.push(`${String(name)}${n}`), target[name]) });
  const source = {
    [Symbol.iterator]() {
      let n = 0;
      return { next: () => (said.push('next'), ++n > 2 ? { done: true } : { done: false, value: watched(n) }) };
    },
  };
  const { featureMap } = await distill(there, source, { steps: 1 });
  await featureMap.dispose();
  // Promises may be examples: `then` is looked for, as in place.
  assert.deepEqual(said.filter((what) => !what.startsWith('then')), ['next', 'q1', 'k1', 'v1', 'next', 'q2', 'k2', 'v2', 'next']);
});

test('onProgress is told here what it is told in place', async () => {
  const [expected, told] = [[], []];
  const options = (list) => ({ steps: 25, onProgress: (one) => list.push(one) });
  await expectedOf(several(alike, 1), options(expected));
  const { featureMap } = await distill(there, several(alike, 1), options(told));
  await featureMap.dispose();
  assert.deepEqual(told, expected);
  assert.equal(told.length, 4);
});

test('calls of the instance run meanwhile, also those of which examples are made', async () => {
  const { q, k, v } = alike(1);
  const made = async function* () {
    const out = await there.softmax(q, k, v);
    yield { q, k, v: out };
  };
  const expected = await expectedOf([{ q, k, v: here.softmax(q, k, v) }], { steps: 5 });
  await (await assertLearns(expected, made(), { steps: 5 })).dispose();

  let [isOver, calls] = [false, 0];
  const learning = distill(there, several(alike, 1), { steps: 1000 }).finally(() => (isOver = true));
  while (!isOver) {
    assertSame(await there.softmax(q, k, v, { signal: new AbortController().signal }), here.softmax(q, k, v));
    calls++;
  }
  await (await learning).featureMap.dispose();
  assert.ok(calls > 3, `${calls} calls`);
});

test('a signal ends it at once with its reason: before, while examples come or are awaited, under way, and when done', async () => {
  const reason = new Error('enough');
  assert.equal(await rejection(distill(there, alike(1), { signal: AbortSignal.abort(reason) })), reason);
  for (const wait of [() => {}, () => new Promise((resolve) => setTimeout(resolve, 30))]) {
    const controller = new AbortController();
    const source = endless((n) => n === 3 && (controller.abort(reason), wait()));
    assert.equal(await rejection(distill(there, source.examples, { signal: controller.signal, transfer: true })), reason);
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.deepEqual([source.asked, source.isOver], [3, true]);
    assert.ok(source.last.q.data.length > 0, 'what came too late is not handed over');
  }
  const never = new AbortController();
  const asked = distill(there, { [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }) }, { signal: never.signal });
  setTimeout(() => never.abort(reason), 20);
  assert.equal(await rejection(asked), reason);
  for (const at of [0, 10, 20]) {
    const controller = new AbortController();
    const told = [];
    const onProgress = ({ step }) => (told.push(step), step === at && controller.abort(reason));
    assert.equal(await rejection(distill(there, several(alike, 1), { steps: 20, signal: controller.signal, onProgress })), reason);
    assert.equal(told.at(-1), at);
  }
  const late = new AbortController();
  const done = distill(there, alike(1), { steps: 1, signal: late.signal });
  for (const end = performance.now() + 200; performance.now() < end; );
  late.abort(reason);
  assert.equal(await rejection(done), reason);
});

for (const isolated of [true, false]) {
  test(`the Worker stops learning that was ended, and later calls wait for that${isolated ? '' : ', without shared memory'}`, async () => {
    if (!isolated) globalThis.crossOriginIsolated = false;
    try {
      for (const late of [0, 50]) {
        const controller = new AbortController();
        const asked = distill(there, several(alike, 1), { steps: 1e9, signal: controller.signal });
        setTimeout(() => controller.abort(), late);
        assert.equal((await rejection(asked)).name, 'AbortError');
        assert.equal(await there.memory, before);
      }
    } finally {
      delete globalThis.crossOriginIsolated;
    }
  });
}

test('what an iterable or onProgress throws is passed on, and the iterables are ended', async () => {
  const reason = new Error('mine');
  const thrower = endless((n) => { if (n === 2) throw reason; });
  assert.equal(await rejection(distill(there, thrower.examples)), reason);
  const judges = endless((n) => { if (n === 2) throw reason; });
  assert.equal(await rejection(distill(there, alike(1), { validation: judges.examples })), reason);
  assert.equal(await rejection(distill(there, alike(1), { onProgress() { throw reason; } })), reason);
  const bad = endless();
  assert.match(`${await rejection(distill(there, (async function* () { yield* several(alike, 1, 2); yield* [{ q: 1 }]; })()))}`, /TypeError: examples\[2\]\.q must be a tensor/);
  assert.equal(await rejection(distill(there, (async function* () { try { yield 3; } finally { bad.isOver = true; } })())).then(({ message }) => message), 'examples[0] must be an example { q, k, v }, got 3');
  assert.ok(bad.isOver);
});

test('wrong arguments are refused as in place', async () => {
  const other = { q: random(1, 1, [1, length, dim]), k: random(1, 1, [1, length, dim]), v: random(1, 1, [1, length, dim]) };
  for (const [examples, options] of [
    [[], {}], [3, {}], [undefined, {}], [{ ...alike(1), q: 3 }, {}], [[alike(1), other], {}], [alike(1), { validation: other }], [alike(1), { validation: [other] }], [alike(1), { validation: 3 }],
    [{ ...alike(1), v: random(1, 1, [heads, 5, dim]) }, {}], [alike(1), { features: 7 }], [alike(1), { steps: -1 }], [alike(1), { rate: 3 }], [alike(1), 3], [alike(1), []], [alike(1), null],
    [alike(1), { signal: {} }], [alike(1), { onProgress: 3 }], [several(alike, 1), { steps: 20, learningRate: 3e38 }],
  ]) {
    const [mine, theirs] = [await rejection(distill(there, examples, options)), await rejection(learn.distill(here, examples, options))];
    assert.equal(`${mine}`, `${theirs}`);
    assert.equal(mine.code, theirs.code);
  }
  assert.match(`${await rejection(distill(there, [{ ...alike(1), k: Promise.resolve() }]))}`, /TypeError: examples\[0\]\.k must be what a promise gives: await it first/);
  assert.match(`${await rejection(distill(there, [() => {}]))}`, /TypeError: examples\[0\] must be something that can be sent to the Worker, got a function/);
  assert.match(`${await rejection(distill(here, alike(1)))}`, /TypeError: attention must be what createAttention\(\) of linear-attention-wasm\/learn\/worker resolves to, for distill/);
});

test('an example of a tensor that was disposed of, or of another instance, is refused', async () => {
  const other = await createAttention({ build: 'simd' });
  for (const [attention, message] of [[there, /AttentionError: q was disposed/], [other, /RangeError: examples\[0\]\.q must belong to this attention instance/]]) {
    const q = await attention.tensor([heads, length, dim]);
    await q.dispose();
    assert.match(`${await rejection(distill(there, [{ ...alike(1), q }]))}`, message);
  }
  await other.dispose();
});

test('disposing of the instance meanwhile rejects with disposed, and ends the iterables', async () => {
  for (const when of ['at once', 'while examples come', 'in between']) {
    const other = await createAttention({ build: 'simd' });
    const source = endless((n) => { if (when === 'while examples come' && n === 3) other.dispose(); });
    const onProgress = ({ step }) => when === 'in between' && step === 10 && other.dispose();
    const asked = rejection(distill(other, when === 'in between' ? several(alike, 1) : source.examples, { steps: 20, onProgress }));
    if (when === 'at once') other.dispose();
    assert.equal((await asked)?.code, 'disposed', when);
    if (when === 'while examples come') {
      await new Promise((resolve) => setTimeout(resolve));
      assert.deepEqual([source.asked, source.isOver], [3, true]);
    }
  }
});

test.run();
