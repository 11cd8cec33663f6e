/** Instances with threads whose inside a test can reach. */
import { readFile } from 'node:fs/promises';
import { Attention } from '../web/calls/attention.js';
import { compile, instantiate } from '../web/core/load.js';
import { Core } from '../web/core/core.js';
import { openThread as open } from '../web/packaged.js';
import { sharedMemory, startPool } from '../web/threads/pool.js';

/** The core of an instance whose calls are split from `worth` multiply-adds on. */
export async function createCore(build, threads, worth = 0) {
  const module = await compile(await readFile(new URL(`../web/dist/${build}-threads.wasm`, import.meta.url)));
  const exports = await instantiate(module, sharedMemory());
  return new Core(exports, await startPool(module, exports, threads, { open, worth }));
}

/** What createAttention gives, but splitting every call that can be split. */
export const createThreaded = async (build, threads) => new Attention(await createCore(build, threads));

/** { attention, exports } of a module with threads that is given as bytes; on one thread without any worker. */
export async function createFrom(bytes, threads, prepare = () => {}) {
  const module = await compile(bytes);
  const exports = await instantiate(module, sharedMemory());
  prepare(exports);
  const pool = threads > 1 ? await startPool(module, exports, threads, { open, worth: 0 }) : null;
  try {
    return { attention: new Attention(new Core(exports, pool)), exports };
  } catch (error) {
    pool?.stop();
    throw error;
  }
}
