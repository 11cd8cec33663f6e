#!/usr/bin/env node
// A sequence cut over processes: parts are absorbed and merged in a tree, then each is answered from the state of all before it.
import { createAttention } from 'linear-attention-wasm';
import { fileName, integer, nodeEnvironment, readOptions, runCommand, UsageError, writeOut } from './command.js';
import { bytes, integer as grouped } from './format.js';
import { describeEnvironment } from './measure/environment.js';
import { boundOf, onePass } from './segments/check.js';
import { rules } from './segments/draw.js';
import { planJobs, stateBytes } from './segments/plan.js';
import { startRedis } from './segments/redis.js';
import { faultsOf, runSegments } from './segments/run.js';
import { reportText } from './segments/text.js';
import { openWorkers } from './segments/workers.js';

const usage = `Usage: npm run segments -- [options]

Cuts one sequence into parts and has workers absorb each into a state of its own, merge the states in a tree, and answer each
part from the state of all before it. Keys, values and queries are drawn where they are used: only saved states travel. What
comes out is compared with one pass in one process.

  --tokens N               2 to ${2 ** 26} (default 1048576)
  --heads N                1 to 64 (default 1)
  --dim N                  length of a query, key and value vector, 1 to 256 (default 64)
  --rule ${Object.keys(rules).join('|')}
                           the write rule (default sum)
  --parts N                2 to 4096, and no more than tokens (default 64)
  --workers LIST           how many work, 1 to 64; several, such as 1,2, run one after another (default 2)
  --engine bullmq|workers  jobs of BullMQ on processes, by a Redis, or Web Workers without any (default bullmq)
  --redis URL              of bullmq: a Redis that runs, redis://host:port; without, the command starts its own and stops it
  --check                  kills a worker in the middle of a job, and sees that all is right nevertheless
  --seed N                 of all that is drawn, 0 to 4294967295 (default 1)
  --json FILE              write what was measured as JSON (- for standard output, in place of the table)
  --help                   this text

The exit code is 1 where a result is missing, was written twice, or is further from one pass than its bound.
`;

const oneOf = (...choices) => (name, text) => {
  if (!choices.includes(text)) throw new UsageError(`--${name} must be ${choices.join(' or ')}, got "${text}"`);
  return text;
};
function counts(name, text) {
  const numbers = text.split(',').map(Number);
  const fits = /^\d+(,\d+)*$/.test(text) && numbers.every((n) => n >= 1 && n <= 64);
  if (!fits) throw new UsageError(`--${name} must be integers from 1 to 64 with commas between them, got "${text}"`);
  return numbers;
}
function redisUrl(name, text) {
  if (!/^rediss?:\/\/[^/]/.test(text) || !URL.canParse(text)) throw new UsageError(`--${name} must be a URL such as redis://127.0.0.1:6379, got "${text}"`);
  return text;
}
const types = {
  tokens: integer(2, 2 ** 26),
  heads: integer(1, 64),
  dim: integer(1, 256),
  rule: oneOf(...Object.keys(rules)),
  parts: integer(2, 4096),
  workers: counts,
  engine: oneOf('bullmq', 'workers'),
  redis: redisUrl,
  seed: integer(0, 2 ** 32 - 1),
  json: fileName,
};
/** All states are kept until the end, in the memory of Redis or of this process. */
const mostBytes = 4 * 2 ** 30;

const defaults = { tokens: 2 ** 20, heads: 1, dim: 64, rule: 'sum', parts: 64, workers: [2], engine: 'bullmq', seed: 1 };

function readSettings() {
  const options = { ...defaults, ...readOptions(process.argv.slice(2), types, ['check', 'help']) };
  const { tokens, parts, redis, engine, rule } = options;
  if (parts > tokens) throw new UsageError(`--parts must be no more than --tokens, ${tokens}, got ${parts}`);
  const all = stateBytes(options, rules[rule].beta);
  if (all > mostBytes) throw new UsageError(`--parts, --heads and --dim must make states of no more than ${bytes(mostBytes)} in all, got about ${bytes(all)}`);
  if (redis && engine !== 'bullmq') throw new UsageError('--redis needs --engine bullmq');
  return options;
}

/** Whatever opens the engine's workers, and stop() for what they need. */
async function prepareEngine({ engine, redis }) {
  if (engine === 'workers') return { open: openWorkers, stop: async () => {} };
  const { url, stop } = redis ? { url: redis, stop: async () => {} } : await startRedis();
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => stop().then(() => process.exit(1)));
  try {
    const { openQueue, checkRedis } = await import('./segments/queue.js');
    await checkRedis(url);
    return { open: (options) => openQueue({ ...options, url }), stop };
  } catch (error) {
    await stop();
    throw error.code === 'ERR_MODULE_NOT_FOUND' ? new Error('BullMQ and ioredis are not installed: npm run segments does it, node alone does not', { cause: error }) : error;
  }
}

async function main() {
  const { help, json, check: kill, workers, engine, redis, ...settings } = readSettings();
  if (help) return void process.stdout.write(usage);
  const { open, stop } = await prepareEngine({ engine, redis });
  const faults = [];
  try {
    const attention = await createAttention();
    const environment = nodeEnvironment(attention);
    const say = (text) => json === '-' || process.stdout.write(`${text}\n`);
    const plan = planJobs(settings);
    say(`linear-attention-wasm ${describeEnvironment(environment)}`);
    const whole = await onePass(attention, settings);
    const runs = [];
    for (const count of workers) {
      const run = await runSegments(open, attention, settings, plan, { count, kill, whole });
      faults.push(...faultsOf(run, settings, plan, { kill }));
      runs.push(run);
    }
    say(`\n${engine}: ${grouped(settings.tokens)} tokens in ${settings.parts} parts, heads × dim ${settings.heads} × ${settings.dim}, rule ${settings.rule}\n`);
    say(reportText(runs, settings, whole, boundOf(settings)));
    if (json) writeOut(json, JSON.stringify({ environment, settings: { ...settings, engine }, onePass: { ms: whole.ms }, runs }, null, 2) + '\n');
    attention.dispose();
  } finally {
    await stop();
  }
  if (faults.length > 0) throw new Error(`Not right: ${faults.join('; ')}`);
}

await runCommand(main);
