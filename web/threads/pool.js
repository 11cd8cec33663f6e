/** The pool: workers that run the same module over one shared memory. They are started once and sleep between calls. */
import { AttentionError } from '../core/errors.js';

/** Bytes of a worker's own stack; the kernels keep little there, their scratch comes from the heap. */
const STACK_BYTES = 65536;
const PAGE_BYTES = 65536;
/** Multiply-adds: about 30 µs of one thread, a few times what waking another costs. */
const WORTH_SPLITTING = 2 ** 19;
const NOT_ISOLATED =
  'memory cannot be shared, because the page is not cross-origin isolated; serve it with the headers Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp';

/** A module of Node's, where there is one. */
export const nodeModule = (name) => globalThis.process?.getBuiltinModule?.(`node:${name}`);

export function processors() {
  return globalThis.navigator?.hardwareConcurrency ?? nodeModule('os')?.availableParallelism() ?? 1;
}

/** Why threads cannot be had here, or null. */
export function threadsObstacle() {
  if (globalThis.crossOriginIsolated === false || typeof SharedArrayBuffer !== 'function') return NOT_ISOLATED;
  if (typeof Worker !== 'function' && !nodeModule('worker_threads')) return 'this engine has no workers';
  return null;
}

/** Memory for a module with threads. It reserves addresses, not memory, and not every system has 4 GB of them to spare. */
export function sharedMemory() {
  let cause;
  for (const maximum of [65536, 32768, 16384]) {
    try {
      return new WebAssembly.Memory({ initial: 256, maximum, shared: true });
    } catch (error) {
      cause = error;
    }
  }
  throw new AttentionError('out-of-memory', `Could not reserve ${16384 * PAGE_BYTES} bytes of shared memory`, { cause });
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

/** A worker under one interface: `on` takes handlers of messages and of its end. */
export function openWorker() {
  const { Worker: NodeWorker } = nodeModule('worker_threads') ?? {};
  if (NodeWorker) {
    const here = import.meta.url;
    const worker = new NodeWorker(new URL('./thread.js', here));
    return {
      worker,
      on(message, end) {
        worker.on('message', message);
        // From then on it keeps no program alive that forgets to dispose.
        worker.once('message', () => worker.unref());
        worker.on('error', (error) => end(error.message));
        worker.on('exit', (code) => end(`it ended with code ${code}`));
      },
    };
  }
  const worker = new Worker(new URL('./thread.js', import.meta.url), { type: 'module', name: 'linear-attention-wasm-thread' });
  return {
    worker,
    on(message, end) {
      worker.onmessage = ({ data }) => message(data);
      worker.onerror = (event) => {
        event.preventDefault();
        end(event.message ?? 'its script could not be loaded');
      };
    },
  };
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
  start(module, slot) {
    const { la_alloc, memory, __tls_size, __tls_align } = this.#exports;
    const { worker, on } = this.#open();
    const tlsBytes = __tls_size?.value ? __tls_size.value + __tls_align.value : 0;
    const block = la_alloc(STACK_BYTES + tlsBytes) >>> 0;
    const member = { worker, runs: false };
    this.#members.push(member);
    if (block === 0) throw new AttentionError('out-of-memory', `Could not allocate ${STACK_BYTES} bytes of WebAssembly memory for a worker`);
    const stackTop = block + STACK_BYTES;
    const tls = tlsBytes ? Math.ceil(stackTop / __tls_align.value) * __tls_align.value : 0;
    return new Promise((resolve, reject) => {
      const end = (reason) => {
        reject(new Error(reason));
        this.#lose(member, reason);
      };
      on((message) => {
        if (message.error !== undefined) return end(message.error);
        this.threads++;
        member.runs = true;
        resolve();
      }, end);
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
    this.#exports.la_threads_quit();
    for (const member of this.#members) {
      member.runs = false;
      member.worker.terminate();
    }
    this.#members.length = 0;
  }
}

/** `threads − 1` workers, all of them ready, that share calls of at least `worth` multiply-adds; `open` opens one. */
export async function startPool(module, exports, threads, { worth = WORTH_SPLITTING, open = openWorker } = {}) {
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
