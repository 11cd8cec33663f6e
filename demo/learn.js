#!/usr/bin/env node
// A softmax model made linear in a terminal: feature maps learned on digits that it paints itself, judged by real ones.
import { writeFileSync } from 'node:fs';
import { createAttention } from 'linear-attention-wasm/learn';
import { fileName, integer, nodeEnvironment, readOptions, runCommand, UsageError, writeOut } from './command.js';
import { digitBuild } from './digits/model.js';
import { writeMaps } from './digits/linearize.js';
import { learnMaps } from './learn/run.js';
import { reportText } from './learn/text.js';
import { describeEnvironment } from './measure/environment.js';

const usage = `Usage: npm run learn -- [options]

Makes the softmax digit model attend linearly: paints digits with it, learns a feature map for each of its heads on them,
and measures on held-out real digits how far its attention is then from softmax, and what the whole model has lost.

  --map hedgehog|learned   the map (default hedgehog)
  --activation relu|exp    of learned (default relu)
  --features N             1 to 4096 (default: 64 for hedgehog, 32 for learned); even for hedgehog
  --loss outputs|weights|both   what is made small (default outputs)
  --layers LIST            which layers, 1 to 6, such as 1,2 (default all)
  --heads LIST             which heads of each, 1 to 4 (default all)
  --steps N                0 to 100000 (default 400)
  --batch N                digits a step, 1 to 64 (default 4)
  --digits N               digits painted to learn from, 1 to 300: 0, 1, … 9, 0 … (default 30)
  --images N               held-out digits that judge, 1 to 200; every fifth of them head by head (default 200)
  --seed N                 of what is painted and drawn, 0 to 4294967295 (default 0)
  --threads N              1 to 64 (default 1)
  --json FILE              write everything as JSON (- for standard output, in place of the text)
  --out FILE               write the maps of all heads as safetensors, for npm run digits -- --linearize
  --help                   this text
`;

const oneOf = (...choices) => (name, text) => {
  if (!choices.includes(text)) throw new UsageError(`--${name} must be ${choices.join(' or ')}, got "${text}"`);
  return text;
};
const listUpTo = (most) => (name, text) => {
  const numbers = text.split(',').map(Number);
  const fits = /^\d+(,\d+)*$/.test(text) && numbers.every((n, i) => n >= 1 && n <= most && numbers.indexOf(n) === i);
  if (!fits) throw new UsageError(`--${name} must be different integers from 1 to ${most} with commas between them, got "${text}"`);
  return numbers.map((n) => n - 1).sort((a, b) => a - b);
};
const types = {
  map: oneOf('hedgehog', 'learned'),
  activation: oneOf('relu', 'exp'),
  features: integer(1, 4096),
  loss: oneOf('outputs', 'weights', 'both'),
  layers: listUpTo(6),
  heads: listUpTo(4),
  steps: integer(0, 100_000),
  batch: integer(1, 64),
  digits: integer(1, 300),
  images: integer(1, 200),
  seed: integer(0, 2 ** 32 - 1),
  threads: integer(1, 64),
  json: fileName,
  out: fileName,
};
const defaults = { map: 'hedgehog', loss: 'outputs', layers: [0, 1, 2, 3, 4, 5], heads: [0, 1, 2, 3], steps: 400, batch: 4, digits: 30, images: 200, seed: 0, threads: 1 };

function readSettings() {
  const options = readOptions(process.argv.slice(2), types, ['help']);
  const { help, json, out, ...given } = options;
  const settings = { ...defaults, ...given };
  const { map, activation, features, layers, heads } = settings;
  if (activation !== undefined && map !== 'learned') throw new UsageError('--activation needs --map learned');
  if (map === 'hedgehog' && features % 2 === 1) throw new UsageError(`--features must be even for hedgehog, got ${features}`);
  if (out && layers.length * heads.length < 24) throw new UsageError('--out needs all layers and heads: a model with a part of them replaced is not written');
  if (out === '-') throw new UsageError('--out must be a file: maps are no text');
  return { help, json, out, settings };
}

async function main() {
  const { help, json, out, settings } = readSettings();
  if (help) return void process.stdout.write(usage);
  const attention = await createAttention({ ...digitBuild, threads: settings.threads });
  const environment = nodeEnvironment(attention);
  const say = (text) => json === '-' || process.stdout.write(`${text}\n`);
  say(`linear-attention-wasm ${describeEnvironment(environment)}\n`);
  const { maps, ...report } = await learnMaps(attention, settings, say);
  say(reportText(report, settings));
  if (out) {
    writeFileSync(out, writeMaps(maps));
    say(`\nThe maps: ${out}. Paint with them: npm run digits -- --model softmax --linearize ${out} --out digits.png`);
  }
  if (json) writeOut(json, JSON.stringify({ environment, settings, ...report }, null, 2) + '\n');
  attention.dispose();
}

await runCommand(main);
