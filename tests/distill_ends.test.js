/** Every way in which distill ends but the good one, and what may go on meanwhile. */
import assert from 'node:assert';
import { suite } from 'uvu';
import { createAttention, distill } from '../web/learn.js';
import { alike, dim, heads, length, onOneInstance, random, several } from './distill_examples.js';
import { tensorOf } from './util.js';

const test = suite('distill: ends');
let attention;
onOneInstance(test, (one) => (attention = one));

const wrong = {
  'no examples': [[[], {}], RangeError, /examples must be at least one example/],
  'no object': [[3, {}], TypeError, /examples must be an example { q, k, v } or an iterable of them, got 3/],
  'no q': [[[{ ...alike(1), q: 3 }], {}], TypeError, /examples\[0\]\.q must be a tensor/],
  'a batch': [[{ ...alike(1), q: random(1, 1, [2, heads, length, dim]) }, {}], RangeError, /examples\.q must have shape \[heads, length, dim\]/],
  'k of other width': [[{ ...alike(1), k: random(1, 1, [heads, length, 4]) }, {}], RangeError, /examples\.k must have shape \[heads, length, 8\]/],
  'v of other length': [[{ ...alike(1), v: random(1, 1, [heads, 5, dim]) }, {}], RangeError, /examples\.v must have shape/],
  'heads that do not divide': [[{ ...alike(1), q: random(1, 1, [3, length, dim]) }, {}], RangeError, /examples\.q must have shape \[a multiple of 2 heads/],
  'another length, causal': [[{ ...alike(1), q: random(1, 1, [heads, 5, dim]) }, {}], RangeError, /since causal is true/],
  'examples of other heads': [[[alike(1), { q: random(1, 1, [1, length, dim]), k: random(1, 1, [1, length, dim]), v: random(1, 1, [1, length, dim]) }], {}], RangeError, /examples\[1\]\.q must have shape \[2, length, 8\], as the first example/],
  'validation of other heads': [[alike(1), { validation: { q: random(1, 1, [1, length, dim]), k: random(1, 1, [1, length, dim]), v: random(1, 1, [1, length, dim]) } }], RangeError, /validation\.q must have shape \[2, length, 8\]/],
  'no numbers': [[[alike(1), { ...alike(1), q: tensorOf([heads, length, dim], () => NaN) }], {}], RangeError, /examples\[1\] must hold finite numbers/],
  'a map that cannot learn': [[alike(1), { map: 'elu' }], RangeError, /map must be one of 'hedgehog', 'learned', got "elu"/],
  'an activation of hedgehog': [[alike(1), { activation: 'exp' }], TypeError, /activation must not be given with map 'hedgehog'/],
  'odd features of hedgehog': [[alike(1), { features: 7 }], RangeError, /features must be even/],
  'a loss of another name': [[alike(1), { loss: 'mse' }], RangeError, /loss must be one of/],
  'steps below 0': [[alike(1), { steps: -1 }], RangeError, /steps must be an integer from 0/],
  'a batch of 0': [[alike(1), { batch: 0 }], RangeError, /batch must be an integer from 1/],
  'a learning rate of 0': [[alike(1), { learningRate: 0 }], RangeError, /learningRate must be above 0/],
  'a signal that is none': [[alike(1), { signal: {} }], TypeError, /signal must be an AbortSignal/],
  'onProgress that is no function': [[alike(1), { onProgress: 3 }], TypeError, /onProgress must be a function/],
  'an unknown option': [[alike(1), { rate: 3 }], TypeError, /distill: unknown option 'rate'/],
};
for (const [name, [[examples, options], kind, message]] of Object.entries(wrong)) {
  test(`refuses ${name}`, async () => {
    const error = await distill(attention, examples, options).then(() => null, (reason) => reason);
    assert.ok(error instanceof kind, `${error}`);
    assert.match(error.message, message);
  });
}

test('an example that disposes of the instance when it is read ends it', async () => {
  for (const part of ['q', 'k', 'v']) {
    const other = await createAttention({ build: 'simd' });
    const example = Object.defineProperty({ ...alike(1) }, part, { get: () => (other.dispose(), random(1, 1, [heads, length, dim])) });
    const error = await distill(other, example).then(() => null, (reason) => reason);
    assert.equal(error?.code, 'disposed', part);
  }
});

test('a loss that is no number ends it, and says at which step and why', async () => {
  const error = await distill(attention, several(alike, 1), { steps: 20, learningRate: 3e38 }).then(() => null, (reason) => reason);
  assert.equal(error?.code, 'diverged');
  assert.match(error.message, /the loss of head \d is NaN at step [1-9]\d?; the learningRate of 3e\+38 is likely too large/);
});

test('a signal ends it with its reason: before, while examples come, and at any measurement', async () => {
  const reason = new Error('enough');
  const rejection = (examples, options) => distill(attention, examples, options).then(() => null, (error) => error);
  const cancelled = (when) => {
    const controller = new AbortController();
    if (when === 0) controller.abort(reason);
    return { controller, signal: controller.signal };
  };
  assert.equal(await rejection(alike(1), { signal: cancelled(0).signal }), reason);
  const coming = cancelled();
  let asked = 0;
  const endless = (function* () {
    for (;;) {
      if (++asked === 3) coming.controller.abort(reason);
      yield alike(asked);
    }
  })();
  assert.equal(await rejection(endless, { signal: coming.signal }), reason);
  assert.equal(asked, 3);
  for (const at of [0, 10, 20]) {
    const { controller, signal } = cancelled();
    const told = [];
    const onProgress = ({ step }) => (told.push(step), step === at && controller.abort(reason));
    assert.equal(await rejection(several(alike, 1), { steps: 20, signal, onProgress }), reason);
    assert.equal(told.at(-1), at);
  }
  const late = cancelled();
  setTimeout(() => late.controller.abort(reason), 5);
  assert.equal(await rejection(several(alike, 1), { steps: 1e6, signal: late.signal }), reason);
});

test('what onProgress throws ends it', async () => {
  const reason = new Error('no more');
  const onProgress = () => { throw reason; };
  assert.equal(await distill(attention, alike(1), { onProgress }).then(() => null, (error) => error), reason);
});

test('other calls run meanwhile, and the event loop turns', async () => {
  const [q, k, v] = [random(1), random(2), random(3)];
  let turns = 0;
  const timer = setInterval(() => { turns++; attention.linear(q, k, v); }, 1);
  try {
    const { featureMap } = await distill(attention, several(alike, 1), { steps: 300 });
    featureMap.dispose();
    assert.ok(turns > 3, `${turns} turns`);
  } finally {
    clearInterval(timer);
  }
});

test('disposing of the instance meanwhile rejects with disposed', async () => {
  for (const when of ['at once', 'in between']) {
    const other = await createAttention({ build: 'simd' });
    const onProgress = ({ step }) => when === 'in between' && step === 10 && other.dispose();
    const answer = distill(other, several(alike, 1), { steps: 20, onProgress }).then(() => null, (error) => error);
    if (when === 'at once') other.dispose();
    assert.equal((await answer)?.code, 'disposed', when);
  }
});

test.run();
