/** The digit models against what the machine can do: one image is bound by reading the weights, many by the tile. */
import { readFile } from 'node:fs/promises';
import os from 'node:os';
import { createModel, digitBuild } from '../../demo/digits/model.js';
import { columns, openStream } from '../../demo/digits/stream.js';
import { measureRates } from '../../demo/measure/digits.js';
import { createAttention } from '../../web/index.js';
import { openTile, tileCase } from './cases.js';
import { measure } from './measure.js';

const BATCH = 16;
const ROUNDS = 9;
const STEPS = 40;

const attention = await createAttention(digitBuild);
const models = {};
for (const kind of ['linear', 'softmax']) {
  models[kind] = createModel(attention, await readFile(new URL(`../../demo/models/${kind}.safetensors`, import.meta.url)));
}
const { weightBytes, sizes } = models.linear;
const weights = weightBytes / 4;

/** Pixels of the linear model; a stream of any length takes the same time. */
function pixelCase(batch) {
  const stream = openStream(models.linear, { batch, memory: 'state' });
  const tokens = new Int32Array(batch);
  const run = () => {
    stream.reset();
    for (let i = 0; i < STEPS; i++) stream.feed(tokens);
  };
  return { name: `linear, one pixel of ${batch} image${batch > 1 ? 's' : ''}`, run };
}

const tile = await openTile(attention.build);
const [peak, reading, one, many] = measure(
  [await tileCase(attention.build), { name: `reading ${(weightBytes / 1e6).toFixed(1)} MB`, run: () => tile.read(1) }, pixelCase(1), pixelCase(BATCH)],
  { rounds: ROUNDS },
);
const gigabytes = (ms) => weightBytes / ms / 1e6;
const gigaflops = ({ flops, ms }) => flops / ms / 1e6;
const pixel = (row) => row.ms / STEPS;
const manyRate = (2 * weights * BATCH) / pixel(many) / 1e6;
const percent = (share) => `${(100 * share).toFixed(0)} %`;

console.log(`linear-attention-wasm ${attention.version}, build ${attention.build}, 1 thread`);
console.log(`${os.cpus()[0].model.trim()}, ${os.platform()} ${os.arch()}, Node ${process.versions.node} (V8 ${process.versions.v8})\n`);
console.log(`${peak.name.padEnd(34)}${gigaflops(peak).toFixed(1)} GFLOP/s`);
console.log(`${reading.name.padEnd(34)}${gigabytes(reading.ms).toFixed(1)} GB/s`);
console.log(
  `${one.name.padEnd(34)}${pixel(one).toFixed(3)} ms: the weights at ${gigabytes(pixel(one)).toFixed(1)} GB/s, ${percent(reading.ms / pixel(one))} of that; ${(1000 / pixel(one) / sizes.length).toFixed(2)} images/s`,
);
console.log(
  `${many.name.padEnd(34)}${pixel(many).toFixed(3)} ms: ${manyRate.toFixed(1)} GFLOP/s in the dense layers, ${percent(manyRate / gigaflops(peak))} of the tile; ${((1000 * BATCH) / pixel(many) / sizes.length).toFixed(2)} images/s\n`,
);

const rates = [...(await measureRates(models, 1)), ...(await measureRates(models, BATCH))];
const linear = Object.fromEntries(rates.filter(({ column }) => column === 'linear').map(({ batch, imagesPerSecond }) => [batch, imagesPerSecond]));
console.log('model, memory              batch   images/s   linear is faster by');
for (const { column, batch, imagesPerSecond } of rates) {
  const { model, memory } = columns[column];
  console.log(
    `${`${model}, ${memory}`.padEnd(27)}${String(batch).padStart(5)}${imagesPerSecond.toPrecision(3).padStart(11)}${(linear[batch] / imagesPerSecond).toPrecision(3).padStart(22)}`,
  );
}
console.log('(estimates from nine positions along the image; tokens: recomputes the past, five positions at batch 16)');
attention.dispose();
