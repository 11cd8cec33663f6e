/** linear-attention-wasm/learn/worker: the numbers of linear-attention-wasm/learn, and what signals, transfers and lists do there. */
import assert from 'node:assert';
import { suite } from 'uvu';
import * as learn from '../web/learn.js';
import * as inWorker from '../web/learn_worker.js';
import { createAttention as createPlainWorker } from '../web/worker.js';
import { assertSame } from './tolerance.js';
import { gaussian, inputs } from './util.js';

const test = suite('learn: worker');
const { q, k, v } = inputs({ heads: 4, kvHeads: 2, T: 60, dim: 6, valueDim: 5, make: gaussian });
const dOut = gaussian([1, 4, 60, 5], 9);
const weights = gaussian([6, 8], 3, 0.4);
let [here, there] = [];

test.before(async () => {
  here = await learn.createAttention({ build: 'simd' });
  there = await inWorker.createAttention({ build: 'simd' });
});
test.after(async () => {
  here.dispose();
  await there.dispose();
});

/** Throws unless both hold the same results. */
function assertAlike(actual, expected) {
  assert.deepEqual(Object.keys(actual), Object.keys(expected));
  for (const name of Object.keys(expected)) {
    if (typeof expected[name] === 'number') assert.equal(actual[name], expected[name], name);
    else assertSame(actual[name], expected[name], name);
    assert.deepEqual(actual[name].shape, expected[name].shape, name);
  }
}

/** The same program on both sides: with what makes objects, and the functions. */
async function program(attention, { linearGradient, softmaxGradient, weightsGradient, adam }, own = {}) {
  const map = await attention.featureMap('learned', { dim: 6, weights, activation: 'exp' });
  const state = await attention.state({ heads: 2, dim: 6, valueDim: 5, featureMap: map });
  await attention.linear(q, k, v, { causal: true, state });
  const tensor = await attention.tensor(q.shape, q.data);
  const results = [
    await linearGradient(attention, tensor, k, v, dOut, { causal: true, state, dFinalState: gaussian([1, 2, 8, 5], 4), ...own }),
    await linearGradient(attention, q, k, v, dOut, { featureMap: 'identity', decay: -0.5, beta: 0.1, ...own }),
    await softmaxGradient(attention, q, k, v, dOut, { causal: true, ...own }),
    await softmaxGradient(attention, q, k, v, dOut, { window: 4, lengths: [q.shape[2] - 1], bias: gaussian([q.shape[1], q.shape[2], q.shape[2]], 5), biasGradient: true, ...own }),
    await weightsGradient(attention, q, k, { featureMap: map, causal: true, ...own }),
  ];
  const parameters = [await attention.tensor([6, 8], weights.data), await attention.tensor([3])];
  const optimizer = await adam(attention, parameters, { learningRate: 0.1 });
  for (let t = 0; t < 3; t++) await optimizer.step([results[4].dWeights, gaussian([3], t)], { learningRate: 0.1 / (t + 1), ...own });
  results.push({ first: { data: (await parameters[0].data).slice(), shape: [6, 8] }, second: { data: (await parameters[1].data).slice(), shape: [3] }, bytes: await optimizer.bytes });
  for (const object of [optimizer, ...parameters, tensor, state, map]) await object.dispose();
  return results;
}

test('the same numbers as in place, with and without a signal and progress', async () => {
  const expected = await program(here, learn);
  for (const own of [{}, { signal: new AbortController().signal, onProgress() {} }]) {
    const actual = await program(there, inWorker, own);
    actual.forEach((result, i) => assertAlike(result, expected[i]));
  }
  assert.equal(await there.memory, 0);
});

test('tensors are handed over with transfer', async () => {
  const copies = [q, k, v, dOut].map(({ data, shape }) => ({ data: data.slice(), shape }));
  assertAlike(await inWorker.softmaxGradient(there, ...copies, { transfer: true }), learn.softmaxGradient(here, q, k, v, dOut));
  assert.ok(copies.every(({ data }) => data.length === 0));
  const parameter = await there.tensor([2, 3]);
  const optimizer = await inWorker.adam(there, [parameter]);
  const gradient = gaussian([2, 3], 1);
  await optimizer.step([gradient], { transfer: true });
  assert.equal(gradient.data.length, 0);
  for (const object of [optimizer, parameter]) await object.dispose();
});

/** When a call is cancelled: before it can start, and when the Worker has answered but nobody has heard. */
const moments = {
  'at once'() {},
  'when done'() {
    for (const end = performance.now() + 200; performance.now() < end; );
  },
};

for (const [when, pass] of Object.entries(moments)) {
  test(`a call that is cancelled ${when} is rejected, and a step that is leaves the parameters`, async () => {
    const parameter = await there.tensor([4], [1, 2, 3, 4]);
    const optimizer = await inWorker.adam(there, [parameter], { learningRate: 0.5 });
    const reason = new Error('enough');
    for (const call of [(signal) => optimizer.step([gaussian([4], 1)], { signal }), (signal) => inWorker.linearGradient(there, q, k, v, dOut, { signal })]) {
      const controller = new AbortController();
      const asked = call(controller.signal);
      pass();
      controller.abort(reason);
      await assert.rejects(asked, (error) => error === reason);
    }
    assertSame(await parameter.data, [1, 2, 3, 4]);
    // It did not count: the next one is the first.
    await optimizer.step([gaussian([4], 1)]);
    const alone = here.tensor([4], [1, 2, 3, 4]);
    const own = learn.adam(here, [alone], { learningRate: 0.5 });
    own.step([gaussian([4], 1)]);
    assertSame(await parameter.data, alone.data);
    for (const object of [optimizer, parameter, own, alone]) await object.dispose();
  });
}

test('wrong arguments are named, and instances that cannot learn are refused', async () => {
  await assert.rejects(inWorker.linearGradient(there, q, k, v, v), /RangeError: dOut must have shape \[1, 4, 60, 5\]/);
  await assert.rejects(inWorker.adam(there, [gaussian([2], 1)]), /TypeError: parameters\[0\] must be a resident Tensor/);
  const plain = await createPlainWorker();
  for (const other of [here, undefined, {}, plain]) {
    await assert.rejects(inWorker.softmaxGradient(other, q, k, v, dOut), /TypeError: attention must be what createAttention\(\) of linear-attention-wasm\/learn\/worker resolves to, for softmaxGradient/);
  }
  await plain.dispose();
  assert.throws(() => learn.linearGradient(there, q, k, v, dOut), /TypeError: attention must be of linear-attention-wasm, got one of linear-attention-wasm\/worker: linearGradient of linear-attention-wasm\/learn\/worker takes/);
});

test.run();
