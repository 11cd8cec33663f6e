// A thread that traps, from inside the library.
import { compile, instantiate } from '/web/core/load.js';
import { Core } from '/web/core/core.js';
import { openThread as open } from '/web/packaged.js';
import { sharedMemory, startPool } from '/web/threads/pool.js';

/** A softmax call of two batches, the second of which lies outside memory; the first takes a while. */
function passBroken(core) {
  const keys = 20000;
  const array = (rows, batch) => ({ data: core.alloc(rows * 16 * 4), batch, head: 0, row: 16 });
  const [q, k, v, out] = [array(64, 2 ** 29), array(keys, 0), array(keys, 0), array(64, 0)];
  core.run({ call: 'la_softmax', args: { batch: 2, heads: 1, kv_heads: 1, n_q: 64, n_k: keys, dim: 16, value_dim: 16, scale: 1, q, k, v, out } });
}

/** Traps in a call of two threads; `byWorker` says whether it was the worker that took the broken half. */
export async function trap() {
  const module = await compile('/web/dist/simd-threads.wasm');
  const exports = await instantiate(module, sharedMemory());
  const core = new Core(exports, await startPool(module, exports, 2, { open }));
  const told = [];
  for (const attempt of [() => passBroken(core), () => core.check()]) {
    try {
      attempt();
      told.push(null);
    } catch ({ code, message, cause }) {
      told.push({ code, message, byWorker: cause === undefined });
    }
  }
  core.dispose();
  return told;
}
