/** `npm run learn` in small, its parts, and the model that comes out. */
import assert from 'node:assert';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import { linearize, readMaps, writeMaps } from '../demo/digits/linearize.js';
import { attendToAll, createModel, digitBuild } from '../demo/digits/model.js';
import { openStream } from '../demo/digits/stream.js';
import { bitsPerDim, replacedAttention } from '../demo/learn/bits.js';
import { mean, measureErrors } from '../demo/learn/errors.js';
import { headInputs, headsOf } from '../demo/learn/heads.js';
import { readHeldOut } from '../demo/learn/held_out.js';
import { createAttention } from '../web/index.js';
import { near, normals, tensorOf } from './util.js';

const at = (name) => new URL(`../demo/models/${name}`, import.meta.url);
const script = (name) => fileURLToPath(new URL(`../demo/${name}.js`, import.meta.url));
const length = 784;

/** Runs a command line of the demo; resolves to its exit code and output. */
const run = (name, ...args) =>
  new Promise((resolve) => {
    execFile(process.execPath, [script(name), ...args], { timeout: 120_000 }, (error, stdout, stderr) => resolve({ code: error?.code ?? 0, stdout, stderr }));
  });

const parts = suite('learn: parts');
let attention;
let model;
const heldOut = readHeldOut(length);
parts.before(async () => {
  attention = await createAttention(digitBuild);
  model = createModel(attention, await readFile(at('softmax.safetensors')));
});
parts.after(() => attention.dispose());

parts('the held-out digits are the two hundred that make_data.py writes, twenty of each class, some of them the examples', async () => {
  const bytes = await readFile(at('heldout.u8'));
  assert.equal(createHash('sha256').update(bytes).digest('hex'), 'a3aecbfa768343070c2b3a3a5c7ba6c85bd6d276095e0bbb0c53c1893b39bec2');
  assert.equal(heldOut.length, 200);
  for (let digit = 0; digit < 10; digit++) assert.ok(Math.abs(heldOut.filter(([label]) => label === digit).length - 20) <= 3, `digit ${digit}`);
  const examples = await readFile(at('examples.u8'));
  assert.deepEqual([...heldOut[0].subarray(1)], [...examples.subarray(0, length)]);
});

parts('bits of the golden digit are those of its golden log-probabilities', async () => {
  const { tokens, logprob } = JSON.parse(await readFile(at('golden-softmax.json'), 'utf8'));
  const bits = bitsPerDim(model, [Int32Array.from(tokens)], (_, ...tensors) => attendToAll(attention, model.config)(...tensors));
  near(bits, -logprob.reduce((a, b) => a + b) / logprob.length / Math.LN2, 1e-5);
});

parts('softmax is lost by elu: bits of the whole model, of one layer, of one head', () => {
  const some = heldOut.slice(0, 2);
  const bits = (replaced) => bitsPerDim(model, some, replacedAttention(model, replaced));
  const every = [0, 1, 2, 3];
  const [none, head, layer, all] = [[], [{ map: 'elu', heads: [2] }], [{ map: 'elu', heads: every }], Array.from({ length: 6 }, () => ({ map: 'elu', heads: every }))].map(bits);
  assert.ok(none < head && head < layer && head < all, `${none}, ${head}, ${layer}, ${all}`);
});

parts('what a head attends with is what the model attends with', () => {
  const { q } = headInputs(model, heldOut[3], [{ layer: 1, head: 2 }, { layer: 4, head: 0 }]);
  assert.deepEqual(q.shape, [2, length, 32]);
  const seen = model.probe(heldOut[3].subarray(0, length));
  const [one, other] = [seen[1].q.data, seen[4].q.data];
  assert.deepEqual(q.data.subarray(0, length * 32), one.subarray(2 * length * 32, 3 * length * 32));
  assert.deepEqual(q.data.subarray(length * 32), other.subarray(0, length * 32));
});

parts('errors are over all digits together', () => {
  const chosen = headsOf({ layers: [2], heads: [1] });
  const digits = heldOut.slice(0, 2);
  const { elu } = measureErrors(model, digits, chosen, { elu: 'elu' });
  let [difference, size, kl] = [0, 0, 0];
  for (const tokens of digits) {
    const { q, k, v } = headInputs(model, tokens, chosen);
    const [linear, softmax] = [attention.linear(q, k, v, { causal: true }), attention.softmax(q, k, v, { causal: true })];
    linear.data.forEach((x, i) => (difference += (x - softmax.data[i]) ** 2));
    softmax.data.forEach((x) => (size += x * x));
    kl += attention.gap(q, k, v, { causal: true }).weightKL / digits.length;
  }
  near(elu.error[0], Math.sqrt(difference / size), 1e-5);
  near(elu.kl[0], kl, 1e-9);
});

/** Maps of 24 heads that differ from one another. */
function someMaps(heads = 24) {
  const next = normals(3);
  const arrays = { weights: [heads, 32, 32], bias: [heads, 32], keyWeights: [heads, 32, 32], keyBias: [heads, 32] };
  return { name: 'hedgehog', options: { dialect: 'separate' }, weights: Object.fromEntries(Object.entries(arrays).map(([name, shape]) => [name, tensorOf(shape, () => next() / 4)])) };
}

parts('maps go into a file and come back, and PyTorch finds them under the names of the README', () => {
  const maps = someMaps();
  const file = writeMaps(maps);
  const { name, options, weights } = readMaps(file);
  assert.deepEqual([name, options], [maps.name, maps.options]);
  for (const [option, { data, shape }] of Object.entries(maps.weights)) {
    assert.deepEqual(weights[option].shape, shape);
    assert.deepEqual(weights[option].data, data);
  }
  const header = JSON.parse(new TextDecoder().decode(file.subarray(8, 8 + Number(new DataView(file.buffer).getBigUint64(0, true)))));
  assert.deepEqual(Object.keys(header).sort(), ['__metadata__', 'key.bias', 'key.weight', 'query.bias', 'query.weight']);
  assert.deepEqual(header['query.weight'].shape, [24, 32, 32]);
});

parts('a model made linear says step by step what it says as a whole, and is made of every head’s own map', () => {
  const converted = linearize(model, someMaps());
  const stream = openStream(converted, { batch: 1, memory: 'state' });
  const tokens = heldOut[7];
  let bits = 0;
  for (let t = 0; t < length; t++) {
    const logits = stream.feed(Int32Array.of(tokens[t])).data;
    const most = logits.reduce((a, b) => Math.max(a, b));
    bits -= (logits[tokens[t + 1]] - most - Math.log(logits.reduce((sum, x) => sum + Math.exp(x - most), 0))) / Math.LN2 / length;
  }
  assert.equal(stream.position, length);
  const whole = bitsPerDim(model, [tokens], replacedAttention(model, converted.featureMaps.map((map) => ({ map, heads: [0, 1, 2, 3] }))));
  near(bits, whole, 1e-4);
  stream.dispose();
  converted.dispose();
  assert.throws(() => linearize(model, someMaps(20)), /the maps must be of 24 heads of dim 32, got 20 of dim 32/);
});

parts.run();

const cli = suite('npm run learn');
let folder;
cli.before(async () => (folder = await mkdtemp(join(tmpdir(), 'learn-'))));
cli.after(() => rm(folder, { recursive: true, force: true }));

cli('in small: learns two heads on painted digits, and reports what it measured', async () => {
  const { code, stdout, stderr } = await run('learn', '--layers', '2', '--heads', '1,3', '--steps', '20', '--batch', '2', '--digits', '4', '--images', '5', '--json', '-');
  assert.equal(code, 0, stderr);
  const { settings, history, errors, bits, chosen } = JSON.parse(stdout);
  assert.deepEqual([settings.map, settings.steps, settings.digits], ['hedgehog', 20, 4]);
  assert.deepEqual(chosen, [{ layer: 1, head: 0 }, { layer: 1, head: 2 }]);
  assert.deepEqual(history.map(({ step }) => step), [0, 10, 20]);
  assert.deepEqual(Object.keys(errors), ['mean of V', 'elu', 'taylor', 'favor 64', 'favor 256', 'favor 1024', 'before', 'learned']);
  for (const { error, kl } of Object.values(errors)) assert.ok([...error, ...kl].every(Number.isFinite));
  for (const head of [0, 1]) assert.ok(errors.learned.error[head] < 0.95 * errors.before.error[head], JSON.stringify(errors));
  assert.ok(mean(errors.learned.error) < 0.75 * mean(errors.before.error), JSON.stringify(errors));
  assert.ok(bits.softmax < bits.learned && bits.learned < bits.elu, JSON.stringify(bits));
});

cli('writes maps with which the softmax model paints from a state', async () => {
  const maps = join(folder, 'maps.safetensors');
  const options = ['--map', 'learned', '--activation', 'exp', '--features', '8', '--steps', '1', '--batch', '1', '--digits', '1', '--images', '1', '--out', maps];
  const { code, stdout, stderr } = await run('learn', ...options);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /Held-out relative error[^]*\n +layer +mean of V +elu +taylor +favor 64 [^]*\n +6 [^]*\n +all [^]*Divergence of weights[^]*Bits a pixel/);
  const painted = await run('digits', '--model', 'softmax', '--linearize', maps, '--count', '1', '--no-rates', '--out', join(folder, 'a.png'));
  assert.equal(painted.code, 0, painted.stderr);
  assert.match(painted.stdout, /1 digits by the softmax model made linear in .* images\/s/);
  const refused = await run('digits', '--linearize', maps);
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /--linearize needs --model softmax/);
});

for (const [args, message] of [
  [['--map', 'elu'], /--map must be hedgehog or learned, got "elu"/],
  [['--activation', 'exp'], /--activation needs --map learned/],
  [['--features', '33'], /--features must be even for hedgehog, got 33/],
  [['--layers', '1,7'], /--layers must be different integers from 1 to 6/],
  [['--heads', '1,1'], /--heads must be different integers from 1 to 4/],
  [['--heads', '1', '--out', 'x.safetensors'], /--out needs all layers and heads/],
  [['--loss', 'mse'], /--loss must be outputs or weights or both/],
]) {
  cli(`refuses ${args.join(' ')}`, async () => {
    const { code, stderr } = await run('learn', ...args);
    assert.equal(code, 2);
    assert.match(stderr, message);
  });
}

cli.run();
