#!/usr/bin/env node
// Digits in a terminal: paints them into a PNG file, and prints how fast each way to remember would paint.
import { readFileSync, writeFileSync } from 'node:fs';
import { createAttention } from 'linear-attention-wasm';
import { existingFile, fileName, integer, nodeEnvironment, readOptions, runCommand, table, UsageError, writeOut } from './command.js';
import { linearize, readMaps } from './digits/linearize.js';
import { createModel, digitBuild } from './digits/model.js';
import { paintImages } from './digits/paint.js';
import { toPng } from './digits/png.js';
import { columns, columnsWithConverted } from './digits/stream.js';
import { measureRates } from './measure/digits.js';
import { describeEnvironment } from './measure/environment.js';

const usage = `Usage: npm run digits -- [options]

Paints digits pixel by pixel with one of two trained models, and times three ways to do it.

  --model linear|softmax   which model paints (default linear; softmax remembers in a cache)
  --linearize FILE         with --model softmax: its attention replaced by the maps that npm run learn -- --out wrote there,
                           so that it paints with a state, and is timed beside the others
  --count N                how many digits, 1 to 256: 0, 1, … 9, 0, 1 … (default 10)
  --digit N                paint only this digit, 0 to 9
  --seed N                 0 to 4294967295 (default 7): image i of a seed is always the same
  --temperature X          0 to 10 (default 1): lower is more cautious, and delays the first stroke
  --out FILE               a PNG of the digits (default: none are painted)
  --no-rates               do not time
  --batch N                images painted together in the second timing, 2 to 64 (default 16)
  --json FILE              write the rates as JSON (- for standard output, in place of the text)
  --help                   this text
`;

const types = {
  model: (name, text) => {
    if (text !== 'linear' && text !== 'softmax') throw new UsageError(`--${name} must be linear or softmax, got "${text}"`);
    return text;
  },
  linearize: existingFile,
  count: integer(1, 256),
  digit: integer(0, 9),
  seed: integer(0, 2 ** 32 - 1),
  temperature: (name, text) => {
    const value = Number(text);
    if (!/^\d+(\.\d+)?$/.test(text) || value > 10) throw new UsageError(`--${name} must be a number from 0 to 10, got "${text}"`);
    return value;
  },
  batch: integer(2, 64),
  out: fileName,
  json: fileName,
};

const loadModel = (attention, kind) => createModel(attention, readFileSync(new URL(`./models/${kind}.safetensors`, import.meta.url)));

const titles = { linear: 'linear, state', cached: 'softmax, cache', recomputed: 'softmax, recomputing', converted: 'softmax made linear, state' };
const digits3 = (value) => Number(value.toPrecision(3)).toString();

function ratesText(rates, models) {
  const rate = (column, batch) => rates.find((row) => row.column === column && row.batch === batch).imagesPerSecond;
  const batches = [...new Set(rates.map((row) => row.batch))];
  const lines = rates.map((row) => [
    titles[row.column],
    String(row.batch),
    digits3(row.imagesPerSecond),
    digits3(row.firstPixelMs),
    digits3(row.lastPixelMs),
    columnsWithConverted[row.column].memory === 'tokens' ? '–' : `${digits3(row.bytesPerStream / 1e6)} MB`,
    digits3(rate('linear', row.batch) / row.imagesPerSecond),
  ]);
  const header = ['', 'batch', 'images/s', 'ms a pixel, first', 'last', 'memory a stream', 'linear is faster by'];
  const traffic = (models.linear.weightBytes * models.linear.sizes.length * rate('linear', 1)) / 1e9;
  return `One thread; estimated from a pixel at nine positions of ${models.linear.sizes.length} (recomputing ${batches[1]} at once: five)
${table(header, lines, { named: true })}
  linear, batch ${batches[1]} against 1: ${digits3(rate('linear', batches[1]) / rate('linear', 1))} × the images a second
  linear at batch 1 reads ${digits3(models.linear.weightBytes / 1e6)} MB of weights a pixel: ${digits3(traffic)} GB/s${models.converted ? convertedText(batches, rate) : ''}`;
}

/** What the softmax model gains from being made linear. */
const convertedText = (batches, rate) =>
  batches.map((batch) => `\n  softmax made linear, batch ${batch}: ${digits3(rate('converted', batch))} images/s, ${digits3(rate('converted', batch) / rate('cached', batch))} × those with its cache`).join('');

async function main() {
  const options = readOptions(process.argv.slice(2), types, ['no-rates', 'help']);
  if (options.help) return void process.stdout.write(usage);
  if (options.linearize && options.model !== 'softmax') throw new UsageError('--linearize needs --model softmax: it is that model which is made linear');
  if (options.json && options['no-rates']) throw new UsageError('--json needs the rates, which --no-rates leaves out');
  const attention = await createAttention(digitBuild);
  const environment = nodeEnvironment(attention);
  const say = (text) => options.json === '-' || process.stdout.write(`${text}\n`);
  say(`linear-attention-wasm ${describeEnvironment(environment)}`);
  const models = { linear: loadModel(attention, 'linear'), softmax: loadModel(attention, 'softmax') };
  if (options.linearize) models.converted = linearize(models.softmax, readMaps(readFileSync(options.linearize)));
  if (options.out) {
    const model = models.converted ?? models[options.model ?? 'linear'];
    const { images, seconds } = paintImages(model, options);
    writeFileSync(options.out, toPng(images, model.config.side));
    say(`\n${images.length} digits by the ${models.converted ? 'softmax model made linear' : `${model.kind} model`} in ${digits3(seconds)} s, ${digits3(images.length / seconds)} images/s: ${options.out}`);
  }
  if (!options['no-rates']) {
    const compared = models.converted ? columnsWithConverted : columns;
    const rates = [...(await measureRates(models, 1, compared)), ...(await measureRates(models, options.batch ?? 16, compared))];
    say(`\n${ratesText(rates, models)}`);
    if (options.json) writeOut(options.json, JSON.stringify({ environment, rates }, null, 2) + '\n');
  }
  attention.dispose();
}

await runCommand(main);
