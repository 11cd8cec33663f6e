// One run of both stages by an engine, and whether all of it is right.
import { boundOf, compare } from './check.js';

/** Which job's worker is killed, of those that absorb: one in the middle of the stage. */
const fatal = ({ parts }) => Math.ceil(parts / 3);

/**
 * Runs the jobs of `plan` by the engine that `open` opens; with `kill`, a worker is killed in the middle of a job. Returns what was
 * measured: times of stages and of kinds of job, tokens a second, bytes of states that went to and from workers a part, how often
 * jobs were begun.
 */
export async function runSegments(open, attention, settings, plan, { count, kill, whole }) {
  let [begun, absorbing, killed] = [0, 0, null];
  const onStart = (job, end) => {
    begun++;
    if (!kill || killed !== null || job.kind !== 'absorb' || ++absorbing < fatal(settings)) return;
    killed = job.name;
    end();
  };
  const engine = await open({ count, settings, onStart });
  try {
    const stages = {};
    for (const [name, jobs] of Object.entries(plan)) {
      const started = performance.now();
      await engine.runStage(jobs);
      stages[name] = performance.now() - started;
    }
    const { log, results, redis } = await engine.report([plan.states.at(-1), ...plan.rows].map(({ name }) => name));
    const jobs = summarise(log);
    const ms = stages.states + stages.rows;
    const moved = Object.values(jobs).reduce((sum, kind) => sum + kind.moved, 0) / settings.parts;
    return { count, stages, ms, rate: (1000 * settings.tokens) / ms, moved, jobs, begun, killed, redis, written: log.map(({ name }) => name), errors: compare(attention, settings, plan, results, whole) };
  } finally {
    await engine.close();
  }
}

/** By the kind of job: how many, their time, and the bytes that they took and gave. */
function summarise(log) {
  const kinds = {};
  for (const { kind, ms, moved } of log) {
    const sum = (kinds[kind] ??= { count: 0, ms: 0, moved: 0 });
    sum.count++;
    sum.ms += ms;
    sum.moved += moved;
  }
  return kinds;
}

/** What is wrong with a run, in words; nothing where all is right. */
export function faultsOf({ errors, written, begun, killed }, settings, plan, { kill }) {
  const names = [...plan.states, ...plan.rows].map(({ name }) => name);
  const bound = boundOf(settings);
  const faults = Object.entries(errors).filter(([, error]) => !(error <= bound)).map(([name, error]) => `the relative error of the ${name} is ${error}, above ${bound}`);
  if ([...written].sort().join() !== names.sort().join()) faults.push(`of ${names.length} results ${written.length} were written, ${new Set(written).size} different ones`);
  if (kill && killed === null) faults.push('no worker was killed');
  if (kill && begun <= names.length) faults.push(`the job of the worker that was killed was not begun again: ${begun} of ${names.length} were begun`);
  return faults;
}
