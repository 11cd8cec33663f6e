/** Instances with threads whose inside a test can reach. */
import { Attention } from '../web/calls/attention.js';
import { compile, instantiate } from '../web/core/load.js';
import { Core } from '../web/core/core.js';
import { openThread, packaged } from '../web/packaged.js';
import { sharedMemory, startPool } from '../web/threads/pool.js';

/** The core of an instance whose calls are split from `worth` multiply-adds on; `open` opens a worker, as startPool takes it; `modules` as packaged.js has them. */
export async function createCore(build, threads, worth = 0, open = openThread, modules = packaged) {
  const module = await compile(modules[`${build}-threads`]());
  const exports = await instantiate(module, sharedMemory());
  return new Core(exports, await startPool(module, exports, threads, { worth, open }));
}

/** What createAttention gives, but splitting every call that can be split. */
export const createThreaded = async (build, threads, modules = packaged) => new Attention(await createCore(build, threads, 0, openThread, modules));

/** { attention, exports } of a module with threads that is given as bytes; on one thread without any worker. */
export async function createFrom(bytes, threads, prepare = () => {}) {
  const module = await compile(bytes);
  const exports = await instantiate(module, sharedMemory());
  prepare(exports);
  const pool = threads > 1 ? await startPool(module, exports, threads, { open: openThread, worth: 0 }) : null;
  try {
    return { attention: new Attention(new Core(exports, pool)), exports };
  } catch (error) {
    pool?.stop();
    throw error;
  }
}

/** A softmax call of two batches, the second of which lies outside memory; the first takes a while. */
export function passBroken(core) {
  const [keys, dim] = [20000, 16];
  const array = (rows, batch) => ({ data: core.alloc(rows * dim * 4), batch, head: 0, row: dim });
  const [q, k, v, out] = [array(64, 2 ** 29), array(keys, 0), array(keys, 0), array(64, 0)];
  core.run({ call: 'la_softmax', args: { batch: 2, heads: 1, kv_heads: 1, n_q: 64, n_k: keys, dim, value_dim: dim, scale: 1, q, k, v, out } });
}

/** The workers that start while `body` runs, with what it returns. */
export async function workersOf(body) {
  const workers = [];
  const add = (worker) => workers.push(worker);
  process.on('worker', add);
  try {
    return { result: await body(), workers };
  } finally {
    process.off('worker', add);
  }
}
