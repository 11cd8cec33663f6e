/** The demo's two trained models on the library: golden logits, one form against the other, and the command line. */
import assert from 'node:assert';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { suite } from 'uvu';
import { createModel, digitBuild } from '../demo/digits/model.js';
import { createPainter } from '../demo/digits/painter.js';
import { openStream } from '../demo/digits/stream.js';
import { imageTime } from '../demo/measure/digits.js';
import { measureGap } from '../demo/measure/gap.js';
import { headInputs } from '../demo/measure/heads.js';
import { createAttention } from '../web/index.js';
import { createThreaded } from './threaded.js';
import { assertSame } from './tolerance.js';

const at = (name) => new URL(`../demo/models/${name}`, import.meta.url);
const memories = { linear: ['state', 'tokens'], softmax: ['cache', 'tokens'] };
const length = 784;

/** The builds that are checked: one line each. */
const builds = {
  simd: () => createAttention(digitBuild),
  scalar: async () => createAttention({ wasm: await readFile(new URL('../web/dist/scalar.wasm', import.meta.url)) }),
  relaxed: () => createAttention({ build: 'relaxed' }),
  'simd, 2 threads': () => createThreaded('simd', 2),
  'relaxed, 2 threads': () => createThreaded('relaxed', 2),
};

/** log softmax(logits)[token] in float64. */
function logProbability(logits, token) {
  const most = logits.reduce((a, b) => Math.max(a, b));
  return logits[token] - most - Math.log(logits.reduce((sum, x) => sum + Math.exp(x - most), 0));
}

for (const [build, make] of Object.entries(builds)) {
  for (const kind of ['linear', 'softmax']) {
    const test = suite(`digits: ${kind} model, ${build} build`);
    const golden = async () => JSON.parse(await readFile(at(`golden-${kind}.json`), 'utf8'));
    let attention;
    let model;
    let before;
    test.before(async () => {
      attention = await make();
      before = attention.memory;
      model = createModel(attention, await readFile(at(`${kind}.safetensors`)));
    });
    test.after(() => attention.dispose());

    test('is the size that its README says', () => {
      assert.deepEqual(model.sizes, { layers: 6, heads: 4, dim: 32, width: 128, hidden: 512, levels: 256, length });
      assert.equal(model.kind, kind);
    });

    test('step by step: golden logits within 1e-4, the summed log-probability within 1e-3', async () => {
      const { tokens, logits, logprob } = await golden();
      const stream = openStream(model, { batch: 1, memory: memories[kind][0] });
      let sum = 0;
      let checked = 0;
      for (let t = 0; t < length; t++) {
        const got = stream.feed(Int32Array.of(tokens[t])).data;
        sum += logProbability(got, tokens[t + 1]);
        for (const [i, expected] of (logits[t] ?? []).entries()) {
          assert.ok(Math.abs(got[i] - expected) <= 1e-4, `logit ${i} at ${t}: ${got[i]}, expected ${expected}`);
          checked++;
        }
      }
      stream.dispose();
      assert.equal(checked, 6 * 256);
      const expected = logprob.reduce((a, b) => a + b);
      assert.ok(Math.abs(sum - expected) <= 1e-3, `log-probability ${sum}, expected ${expected}`);
    });

    test('the whole form gives the same, and splitting anywhere equals whole', async () => {
      const { tokens, logits } = await golden();
      for (const memory of memories[kind]) {
        for (const cut of [1, 28, 210, 783]) {
          const stream = openStream(model, { batch: 1, memory });
          stream.feed(Int32Array.from(tokens.slice(0, cut)));
          const got = stream.feed(Int32Array.from(tokens.slice(cut, 784))).data;
          logits[783].forEach((expected, i) => assert.ok(Math.abs(got[i] - expected) <= 1e-4, `${memory}, cut at ${cut}, logit ${i}: ${got[i]}, expected ${expected}`));
          stream.dispose();
        }
      }
    });

    test('a stream among others has the bits that it has alone, and holds what is said', async () => {
      const { tokens } = await golden();
      const [alone, together] = [1, 3].map((batch) => openStream(model, { batch, memory: memories[kind][0] }));
      for (let t = 0; t < 40; t++) {
        const one = alone.feed(Int32Array.of(tokens[t])).data;
        const three = together.feed(Int32Array.of(t % 10, tokens[t], 3)).data;
        assertSame(three.subarray(256, 512), one, `position ${t}`);
      }
      // What steps need is shared by the streams of a batch.
      assert.deepEqual([alone.bytes, together.bytes], kind === 'linear' ? [310_656, 309_376] : [4_816_896, 4_816_896]);
      for (const stream of [alone, together]) stream.dispose();
    });

    test('an image of a seed is the same alone, beside others, and painted in parts; given pixels stay', () => {
      const options = { memory: memories[kind][0], seed: 5 };
      const given = [11, 14, 17].map((column) => Array.from({ length: 700 }, (_, i) => (i % 28 === column ? 200 : 0)));
      const together = createPainter(model, { ...options, classes: [1, 4, 7], given });
      together.paint(length);
      const alone = createPainter(model, { ...options, classes: [4], first: 1, given: [given[1]] });
      while (!alone.done) alone.paint(10);
      assert.deepEqual(alone.images[0], together.images[1]);
      assert.deepEqual([...alone.images[0].subarray(0, 700)], given[1]);
      for (const painter of [alone, together]) painter.dispose();
    });

    test('a painter that cannot be made leaves nothing behind', () => {
      const held = attention.memory;
      assert.throws(() => createPainter(model, { memory: memories[kind][0], classes: [4], seed: -1 }), /seed/);
      assert.equal(attention.memory, held);
    });

    test('nothing leaks', () => {
      model.dispose();
      assert.equal(attention.memory, before);
    });

    test.run();
  }
}

const heads = suite('digits: heads of the trained model');

heads('any layer and head, the middle of the image, scaled', async () => {
  const attention = await createAttention();
  const softmax = createModel(attention, await readFile(at('softmax.safetensors')));
  const pixels = await readFile(at('examples.u8'));
  const examples = Array.from({ length: 10 }, (_, digit) => pixels.subarray(digit * length, (digit + 1) * length));
  const inputs = headInputs({ models: { softmax }, examples });
  const options = { digit: 4, layer: 5, head: '3' };
  const [whole, all, scaled] = [inputs({ ...options, length }), inputs({ ...options, head: 'all four', length }), inputs({ ...options, length: 16, norm: 2 })];
  assert.deepEqual(all.q.shape, [1, 4, length, 32]);
  for (const name of ['q', 'k', 'v']) {
    assertSame(whole[name].data, all[name].data.subarray(2 * length * 32, 3 * length * 32), name);
    const middle = whole[name].data.subarray(384 * 32, 400 * 32);
    assertSame(scaled[name].data, name === 'v' ? middle : middle.map((value) => 2 * value), name);
  }
  const { relativeError } = measureGap(attention, { ...options, featureMap: 'elu', length: 64, norm: 1, causal: true }, inputs);
  assert.ok(relativeError > 0.01 && relativeError < 10, `relative error ${relativeError}`);
  softmax.dispose();
  attention.dispose();
});

heads.run();

const test = suite('npm run digits');
const run = promisify(execFile);
const script = fileURLToPath(new URL('../demo/digits.js', import.meta.url));

test('the time of an image joins the positions by straight lines', () => {
  const rows = [10, 50, 90].map((position) => ({ position, ms: 2 + position / 10, batch: 1 }));
  const exact = Array.from({ length: 100 }, (_, t) => 2 + t / 10).reduce((a, b) => a + b);
  assert.ok(Math.abs(imageTime(rows, 100) - exact) < 1e-9);
});

test('paints a PNG, the same for the same seed', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'digits-'));
  try {
    const paint = async (name, ...options) => {
      const { stdout } = await run(process.execPath, [script, '--count', '2', '--no-rates', '--out', join(folder, name), ...options]);
      assert.match(stdout, /2 digits by the (linear|softmax) model in .* images\/s/);
      return readFile(join(folder, name));
    };
    const [one, same, other] = [await paint('a.png'), await paint('b.png', '--seed', '7'), await paint('c.png', '--model', 'softmax')];
    assert.deepEqual([...one.subarray(0, 8)], [137, 80, 78, 71, 13, 10, 26, 10]);
    assert.ok(one.equals(same));
    assert.ok(!one.equals(other));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

for (const [args, message] of [
  [['--model', 'cubic'], /--model must be linear or softmax, got "cubic"/],
  [['--no-rates', '--json', 'x.json'], /--json needs the rates/],
  [['--out', '/no such folder/x.png'], /--out must be a file in a folder that is there/],
  [['--count', '0'], /--count must be an integer from 1 to 256/],
  [['--seed', '1.5'], /--seed must be an integer/],
  [['--what'], /what/],
]) {
  test(`refuses ${args.join(' ')}`, async () => {
    const error = await run(process.execPath, [script, ...args]).then(() => null, (failure) => failure);
    assert.equal(error?.code, 2);
    assert.match(error.stderr, message);
  });
}

test.run();
