/** distill: what it learns, and that it learns nothing that it must not know. */
import assert from 'node:assert';
import { suite } from 'uvu';
import { coreOf } from '../web/calls/attention.js';
import { takeDistillOptions } from '../web/learn/distill_options.js';
import { takeExamples } from '../web/learn/examples.js';
import { fit } from '../web/learn/fit.js';
import { distill } from '../web/learn.js';
import { alike, dim, heads, independent, length, mean, onOneInstance, random, several } from './distill_examples.js';
import { assertSame } from './tolerance.js';
import { normals, tensorOf } from './util.js';

const test = suite('distill');
let attention;
onOneInstance(test, (one) => (attention = one));

const errorOn = (featureMap, examples) => mean(examples.map(({ q, k, v }) => attention.gap(q, k, v, { featureMap, causal: true }).relativeError));

/** Calls `use` with what was learned, and gives the map back. */
async function learned(examples, options, use) {
  const { featureMap, history } = await distill(attention, examples, options);
  try {
    return use(featureMap, history);
  } finally {
    featureMap.dispose();
  }
}

const kinds = {
  hedgehog: { options: { map: 'hedgehog' }, features: 16 },
  'hedgehog, more features': { options: { map: 'hedgehog', features: 32 }, features: 32 },
  relu: { options: { map: 'learned' }, features: 8 },
  exp: { options: { map: 'learned', activation: 'exp', features: 16 }, features: 16 },
};
const bounds = { outputs: 0.3, weights: 0.3, both: 0.3 };
for (const [name, { options, features }] of Object.entries(kinds)) {
  // relu gives no weight at all to some keys, of which the logarithm has no loss.
  for (const loss of name === 'relu' ? ['outputs'] : Object.keys(bounds)) {
    test(`${name}, ${loss}: learns what helps on examples that it has not seen`, async () => {
      const [examples, unseen] = [several(alike, 1, 12), several(alike, 1001)];
      await learned(examples, { steps: 100, learningRate: 0.05, loss, ...options }, (map, history) => {
        assert.deepEqual([map.heads, map.dim, map.features], [heads, dim, features]);
        const error = errorOn(map, unseen);
        assert.ok(error <= bounds[loss], `error ${error}`);
      });
    });
  }
}

test('on fresh random numbers nothing is known of those held out', async () => {
  const [examples, unseen] = [several(independent, 1, 4), several(independent, 501, 12)];
  await learned(examples, { steps: 100, map: 'hedgehog' }, (map) => {
    const [taught, heldOut] = [errorOn(map, examples), errorOn(map, unseen)];
    assert.ok(heldOut >= taught - 0.01, `held out ${heldOut}, taught ${taught}`);
  });
});

test('targets of other tokens teach no more than the mean of V', async () => {
  const settings = takeDistillOptions({ steps: 100, learningRate: 0.05, causal: false });
  const core = coreOf(attention);
  const taken = await takeExamples(core, 'examples', several(alike, 1, 12), settings, { check() {}, pause() {} });
  const next = normals(9);
  for (const { target } of taken.examples) {
    const order = Array.from({ length: heads * length }, next);
    const shuffled = [...order.keys()].sort((a, b) => Math.floor(a / length) - Math.floor(b / length) || order[a] - order[b]);
    target.set(shuffled.flatMap((from) => [...target.subarray(from * dim, (from + 1) * dim)]));
  }
  const { featureMap, history } = await fit(core, { ...taken, settings, pause() {} });
  featureMap.dispose();
  const floor = meanValueError(taken.examples);
  for (const [h, error] of history.at(-1).error.entries()) assert.ok(error >= 0.95 * floor[h], `head ${h}: ${error}, the mean of V ${floor[h]}`);
});

/** ‖mean of V − target‖/‖target‖ a head. */
function meanValueError(examples) {
  return Array.from({ length: heads }, (_, h) => {
    let [difference, size] = [0, 0];
    for (const { v, target } of examples) {
      const at = (t, i) => (h * length + t) * dim + i;
      for (let i = 0; i < dim; i++) {
        let sum = 0;
        for (let t = 0; t < length; t++) sum += v.data[at(t, i)];
        for (let t = 0; t < length; t++) {
          difference += (sum / length - target[at(t, i)]) ** 2;
          size += target[at(t, i)] ** 2;
        }
      }
    }
    return Math.sqrt(difference / size);
  });
}

test('the same seed gives the same bits, another one others', async () => {
  const examples = several(alike, 1);
  const options = { steps: 12, features: 32, batch: 2 };
  const runs = [];
  for (const seed of [5, 5, 6]) await learned(examples, { ...options, seed }, (map, history) => runs.push({ weights: map.weights, history }));
  const [one, same, other] = runs;
  for (const name of ['weights', 'bias', 'keyWeights', 'keyBias']) {
    assertSame(same.weights[name].data, one.weights[name].data, name);
    assert.ok(one.weights[name].data.some((x, i) => x !== other.weights[name].data[i]), name);
  }
  assert.deepEqual(same.history, one.history);
});

test('one example, a list, a generator and an asynchronous one teach the same', async () => {
  const examples = several(alike, 1, 3);
  const options = { steps: 5 };
  const forms = {
    list: examples,
    generator: (function* () { yield* examples; })(),
    asynchronous: (async function* () { for (const one of examples) yield await one; })(),
    promises: examples.map((one) => Promise.resolve(one)),
    resident: examples.map((one) => Object.fromEntries(Object.entries(one).map(([name, { data, shape }]) => [name, attention.tensor(shape, data)]))),
  };
  const found = {};
  for (const [name, form] of Object.entries(forms)) await learned(form, options, (map) => (found[name] = map.weights));
  for (const one of forms.resident) for (const tensor of Object.values(one)) tensor.dispose();
  for (const name of Object.keys(forms)) assertSame(found[name].weights.data, found.list.weights.data, name);
  await learned(examples[0], options, (map) => (found.one = map.weights));
  await learned([examples[0]], options, (map) => assertSame(map.weights.weights.data, found.one.weights.data));
});

test('examples are copies: what happens to them meanwhile does not matter', async () => {
  const [examples, spoilt] = [several(alike, 1, 3), several(alike, 1, 3)];
  let expected;
  await learned(examples, { steps: 5 }, (map) => (expected = map.weights));
  const spoil = () => { for (const { q, k, v } of spoilt) for (const { data } of [q, k, v]) data.fill(NaN); };
  await learned(spoilt, { steps: 5, onProgress: spoil }, (map) => assertSame(map.weights.weights.data, expected.weights.data));
});

test('history: the beginning, every tenth step and the end, each of the map after so many steps; the same is told', async () => {
  const [examples, validation] = [several(alike, 1), several(alike, 501, 2)];
  const told = [];
  await learned(examples, { steps: 25, batch: 6, learningRate: 0.05, onProgress: (one) => told.push(one) }, (map, history) => {
    assert.deepEqual(history.map(({ step }) => step), [0, 10, 20, 25]);
    assert.deepEqual(told.map(({ weights, ...one }) => one), history.map((one) => ({ ...one, steps: 25 })));
    // Without validation what was told last is what came out; what was told before is left as it was.
    assert.deepEqual(told.at(-1).weights, map.weights);
    assert.notDeepEqual(told[0].weights, told[1].weights);
    // All examples are in every batch: what was measured last is of the map that came out.
    const { loss, error } = history.at(-1);
    const perHead = error.map((_, h) => overAll(examples, map, h));
    for (const [h, one] of error.entries()) assert.ok(Math.abs(one - perHead[h]) < 1e-5, `head ${h}: ${one}, ${perHead[h]}`);
    assert.ok(Math.abs(loss - mean(error.map((one) => one ** 2))) < 1e-6);
  });
  await learned(examples, { steps: 20, learningRate: 0.05, validation }, (map, history) => {
    for (const [h, error] of history.at(-1).error.entries()) {
      const best = Math.min(...history.map((one) => one.error[h]));
      assert.ok(Math.abs(best - overAll(validation, map, h)) < 1e-5, `head ${h}: ${best} at best, ${error} at last, ${overAll(validation, map, h)}`);
    }
  });
});

/** ‖L − S‖/‖S‖ of one head over examples, by the public calls alone. */
function overAll(examples, featureMap, h) {
  let [difference, size] = [0, 0];
  for (const { q, k, v } of examples) {
    const [linear, softmax] = [attention.linear(q, k, v, { featureMap, causal: true }), attention.softmax(q, k, v, { causal: true })];
    for (let i = h * length * dim; i < (h + 1) * length * dim; i++) {
      difference += (linear.data[i] - softmax.data[i]) ** 2;
      size += softmax.data[i] ** 2;
    }
  }
  return Math.sqrt(difference / size);
}

test('what is best by validation is kept, a head each, when steps too long spoil the rest', async () => {
  const [examples, validation] = [several(alike, 1), several(alike, 501, 2)];
  await learned(examples, { steps: 40, learningRate: 3, validation }, (map, history) => {
    const last = history.at(-1).error;
    assert.ok(last.some((error, h) => history.some((one) => one.error[h] < 0.99 * error)), 'nothing was spoilt');
    for (let h = 0; h < heads; h++) assert.ok(Math.abs(Math.min(...history.map(({ error }) => error[h])) - overAll(validation, map, h)) < 1e-5);
  });
});

test('queries of several heads share the map of one head of keys', async () => {
  const examples = several((seed) => {
    const { q, k, v } = alike(seed);
    const part = length * dim;
    return { q: tensorOf([2 * heads, length, dim], (i) => q.data[Math.floor(i / part / 2) * part + (i % part)]), k, v };
  }, 1);
  await learned(examples, { steps: 30, learningRate: 0.05 }, (map, history) => {
    assert.deepEqual([map.heads, history[0].error.length], [heads, heads]);
    for (let h = 0; h < heads; h++) assert.ok(history.at(-1).error[h] < 0.8 * history[0].error[h]);
  });
});

test('heads without values to tell apart, all 0, are no trouble', async () => {
  const examples = several((seed) => ({ ...alike(seed), v: tensorOf([heads, length, dim], (i) => (i < length * dim ? 0 : Math.sin(i))) }), 1);
  await learned(examples, { steps: 5 }, (map, history) => {
    assert.equal(history.at(-1).error[0], 0);
    assert.ok(Number.isFinite(history.at(-1).error[1]));
  });
});

test('steps: 0 gives the map where learning begins', async () => {
  await learned(alike(1), { steps: 0 }, ({ weights }, history) => {
    assert.deepEqual(history.map(({ step }) => step), [0]);
    const { data } = weights.weights;
    for (let i = 0; i < data.length; i++) assert.equal(data[i], Math.floor(i / dim) % dim === i % dim ? 1 : 0);
  });
});

/** What an example is asked for, and in which order. */
function watched(example, asked) {
  return new Proxy(example, {
    get(target, name) {
      asked.push(String(name));
      return target[name];
    },
  });
}

test('every property of an example is read once', async () => {
  const asked = [];
  await learned([watched(alike(1), asked)], { steps: 1 }, () => assert.deepEqual(asked.filter((name) => ['q', 'k', 'v'].includes(name)), ['q', 'k', 'v']));
});

test('what was learned can be saved and loaded', async () => {
  await learned(several(alike, 1), { steps: 10, map: 'learned', activation: 'exp', features: 12 }, (map) => {
    const again = attention.restoreMap(map.save());
    const x = random(5);
    for (const as of ['query', 'key']) assertSame(again.apply(x, { as }).data, map.apply(x, { as }).data, as);
    again.dispose();
  });
});

test.run();
