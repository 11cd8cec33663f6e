/** The pool: workers that run the same module over one shared memory. They are started once and sleep between calls. */
import { AttentionError } from '../core/errors.js';
import { nodeModule, workersObstacle } from './open.js';

/** Bytes of a worker's own stack; the kernels keep little there, their scratch comes from the heap. */
const STACK_BYTES = 65536;
const PAGE_BYTES = 65536;
/** Multiply-adds: about 30 µs of one thread, a few times what waking another costs. */
const WORTH_SPLITTING = 2 ** 19;
const NOT_ISOLATED =
  'memory cannot be shared, because the page is not cross-origin isolated; serve it with the headers Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp';

export function processors() {
  return globalThis.navigator?.hardwareConcurrency ?? nodeModule('os')?.availableParallelism() ?? 1;
}

/** Why an entry that opens its workers by `open` can have no threads here, or null. */
export function threadsObstacle(open) {
  if (!open) return 'this entry of linear-attention-wasm carries no threads';
  if (globalThis.crossOriginIsolated === false || typeof SharedArrayBuffer !== 'function') return NOT_ISOLATED;
  return workersObstacle();
}

/** 4 GB, which not every system has addresses for, down to 64 MB. */
const MAXIMA = [65536, 32768, 16384, 8192, 4096, 2048, 1024];

/** Memory for a module with threads, as large as can be had. It reserves addresses, not memory. */
export function sharedMemory() {
  let cause;
  for (const maximum of MAXIMA) {
    try {
      return new WebAssembly.Memory({ initial: 256, maximum, shared: true });
    } catch (error) {
      cause = error;
    }
  }
  throw new AttentionError('out-of-memory', `shared memory of ${MAXIMA.at(-1) * PAGE_BYTES} bytes could not be reserved: ${cause.message}`, { cause });
}

/** Whether this thread may sleep in Atomics.wait: a page's main thread may not. */
function mayWait() {
  try {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 1);
    return true;
  } catch {
    return false;
  }
}

class Pool {
  #exports;
  #open;
  #members = [];

  constructor(exports, open) {
    this.#exports = exports;
    this.#open = open;
    /** Threads that take part in calls, the caller's included. */
    this.threads = 1;
    /** What the last worker that was lost said; null while none is. */
    this.failure = null;
    this.startMs = 0;
  }

  /** Resolves once the worker has its instance and waits for work. */
  async start(module, slot) {
    const { la_alloc, memory, __tls_size, __tls_align } = this.#exports;
    const tlsBytes = __tls_size?.value ? __tls_size.value + __tls_align.value : 0;
    const block = la_alloc(STACK_BYTES + tlsBytes) >>> 0;
    if (block === 0) throw new AttentionError('out-of-memory', `Could not allocate ${STACK_BYTES} bytes of WebAssembly memory for a worker`);
    const stackTop = block + STACK_BYTES;
    const tls = tlsBytes ? Math.ceil(stackTop / __tls_align.value) * __tls_align.value : 0;
    const worker = this.#open();
    const member = { worker, runs: false };
    this.#members.push(member);
    await new Promise((resolve, reject) => {
      const end = (reason) => {
        reject(new Error(reason));
        this.#lose(member, reason);
      };
      worker.onEnd(end);
      worker.addEventListener('message', ({ data }) => {
        if (data.error !== undefined) return end(data.error);
        if (this.#exports === null) return; // stopped meanwhile
        this.threads++;
        member.runs = true;
        resolve();
      });
      worker.postMessage({ module, memory, slot, stackTop, tls });
    });
  }

  #lose(member, reason) {
    if (!member.runs) return;
    member.runs = false;
    this.threads--;
    this.#exports.la_threads_alive(this.threads);
    this.failure ??= `a worker failed: ${reason}`;
  }

  /** Ends the workers. Their stacks stay allocated: one of them may still be running on its own. */
  stop() {
    this.#exports?.la_threads_quit();
    for (const member of this.#members) {
      member.runs = false;
      member.worker.terminate();
    }
    this.#members.length = 0;
    this.#exports = null;
  }
}

/** `threads − 1` workers, all of them ready, that share calls of at least `worth` multiply-adds; `open` opens one. */
export async function startPool(module, exports, threads, { open, worth = WORTH_SPLITTING }) {
  const started = performance.now();
  const pool = new Pool(exports, open);
  try {
    await Promise.all(Array.from({ length: threads - 1 }, (_, i) => pool.start(module, i + 1)));
  } catch (cause) {
    pool.stop();
    throw cause;
  }
  exports.la_threads_set(threads, mayWait() ? 1 : 0, worth);
  exports.la_threads_alive(pool.threads);
  pool.startMs = performance.now() - started;
  return pool;
}
