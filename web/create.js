import { Attention } from './calls/attention.js';
import { AttentionError } from './core/errors.js';
import { compile, findPackaged, hasRelaxedSimd, hasThreads, instantiate } from './core/load.js';
import { BUILDS, Core } from './core/core.js';
import { processors, sharedMemory, startPool, threadsObstacle } from './threads/pool.js';
import { asTheyAre, optionTakers, takeOptions } from './core/given.js';
import { checkInteger, checkOneOf } from './core/validate.js';

const OPTIONS = optionTakers(asTheyAre('build', 'threads', 'wasm'));

/** More than share a call well on any machine so far; each costs a Worker and its stack. */
const MAX_THREADS = 64;

/** Ends the workers of instances that are gone, with all that was made in them, and were not disposed of. */
const forgotten = new FinalizationRegistry((pool) => pool.stop());
let warned = false;

function checkThreads(value) {
  return value === 'auto' ? Math.min(processors(), MAX_THREADS) : checkInteger('threads', value, 1, MAX_THREADS, 1);
}

function warnOnce(threads, reason) {
  if (warned) return;
  warned = true;
  console.warn(`linear-attention-wasm: ${threads} threads were asked for, but calls run on 1: ${reason}`);
}

/** The build that is asked for, or the best that the entry carries and the engine validates. */
function chooseBuild(build, packaged) {
  const relaxed = hasRelaxedSimd();
  if (build === 'relaxed' && !relaxed) throw new AttentionError('unsupported', 'This engine has no relaxed SIMD (Chrome 114, Firefox 145, Node 22 or later have it)');
  if (build === 'relaxed' && !packaged.relaxed) throw new AttentionError('unsupported', 'This entry of linear-attention-wasm carries the simd build alone');
  return build === 'auto' ? (relaxed && packaged.relaxed ? 'relaxed' : 'simd') : build;
}

/** Memory for threads, or why there is none. */
function reserve() {
  try {
    return { memory: sharedMemory(), obstacle: null };
  } catch (cause) {
    return { obstacle: cause.message };
  }
}

/**
 * `packaged` holds, by build and with '-threads' behind it, functions that give what runs when the caller names no
 * module; `open` opens a worker of the pool, in entries that have one.
 */
export async function create(options, packaged, open) {
  const { build: wanted, threads: count, wasm } = takeOptions('createAttention', options, OPTIONS);
  const asked = checkOneOf('build', wanted, ['auto', 'simd', 'relaxed'], 'auto');
  const threads = checkThreads(count);
  let obstacle = threads > 1 ? threadsObstacle(open) : null;
  let source = wasm;
  let memory;
  if (source === undefined) {
    const build = chooseBuild(asked, packaged);
    // Before the module is chosen: the one with threads cannot run without.
    if (threads > 1 && obstacle === null) ({ memory, obstacle } = reserve());
    source = findPackaged(packaged[memory ? `${build}-threads` : build]);
  }
  const module = await compile(source);
  if (threads > 1 && !hasThreads(module)) obstacle ??= 'the wasm module that was given has no threads';
  if (hasThreads(module)) memory ??= sharedMemory();
  const exports = await instantiate(module, memory, source);
  const build = BUILDS[exports.la_build()];
  if (asked !== 'auto' && build !== asked) throw new RangeError(`wasm must hold the build '${asked}', got '${build}'`);
  let pool = null;
  if (threads > 1 && obstacle === null) {
    try {
      pool = await startPool(module, exports, threads, { open });
    } catch (cause) {
      obstacle = `the workers could not be started: ${cause.message}`;
    }
  }
  if (obstacle !== null) warnOnce(threads, obstacle);
  const core = new Core(exports, pool, obstacle);
  if (pool) forgotten.register(core, pool);
  return new Attention(core);
}
