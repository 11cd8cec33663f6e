// What a run of npm run segments says in the terminal.
import { table } from '../command.js';
import { bytes, duration, integer, number, percent } from '../format.js';
import { median } from '../measure/statistics.js';

/** The rows of the table of an engine: a run with so many workers each. */
function runsTable(runs, settings) {
  const withRedis = runs.some(({ redis }) => redis);
  const header = ['workers', 'tokens/s', 'states', 'outputs', 'states moved a part', ...(withRedis ? ['through Redis a part', "Redis' share of a processor"] : [])];
  const lines = runs.map((run) => [
    `${run.count}`,
    integer(run.rate),
    duration(run.stages.states),
    duration(run.stages.rows),
    bytes(run.moved),
    ...(withRedis ? [bytes(run.redis.bytes / settings.parts), percent(run.redis.cpuMs / run.ms)] : []),
  ]);
  return table(header, lines);
}

/** The time of a job of each kind, in the last run. */
function jobsText({ jobs }) {
  const each = ({ ms, count }) => duration(ms / count);
  return ['absorb', 'merge', 'answer'].filter((kind) => jobs[kind]).map((kind) => `${kind} ${each(jobs[kind])}`).join(', ');
}

/** How much faster the last number of workers is than the first; of several runs with one number the median counts. */
function ratioText(runs) {
  const [first, last] = [runs[0].count, runs.at(-1).count];
  const rate = (wanted) => median(runs.filter(({ count }) => count === wanted).map((run) => run.rate));
  return `${last} workers are ${number(rate(last) / rate(first))} times as fast as ${first}`;
}

/** What came out of runs with an engine, beside one pass: { ms }. */
export function reportText(runs, settings, whole, bound) {
  const last = runs.at(-1);
  const lines = [runsTable(runs, settings), ''];
  lines.push(`one pass, not cut, in one process: ${integer((1000 * settings.tokens) / whole.ms)} tokens/s`);
  lines.push(`a job with ${last.count === 1 ? '1 worker' : `${last.count} workers`}: ${jobsText(last)}`);
  if (runs[0].count !== last.count) lines.push(ratioText(runs));
  const worst = (name) => `${name} ${number(Math.max(...runs.map(({ errors }) => errors[name])))}`;
  lines.push(`relative error beside one pass: ${Object.keys(last.errors).map(worst).join(', ')} (bound ${number(bound)})`);
  for (const { killed, begun, written } of runs.filter((run) => run.killed !== null)) {
    lines.push(`a worker was killed while it absorbed part ${killed.split('-')[0]}: ${begun} jobs were begun, ${written.length} results written, each once`);
  }
  return lines.join('\n');
}
