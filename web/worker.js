/** linear-attention-wasm/worker: the same interface with promises, in a Worker of its own. */
import * as Comlink from './dist/comlink.js';
import { AttentionError, wrongKind } from './core/errors.js';
import { compile, OLD_VITE } from './core/load.js';
import { handle, isOptions, pack, unsendable } from './threads/parcel.js';
import { openFor } from './threads/relay.js';
import { nodeModule } from './threads/pool.js';
import { asTheyAre, takeOptions } from './core/given.js';

export { AttentionError } from './core/errors.js';
export { version } from './core/version.js';

function openWorker() {
  const { Worker: NodeWorker } = nodeModule('worker_threads') ?? {};
  if (!NodeWorker) {
    const worker = new Worker(new URL('./worker-thread.js', import.meta.url), { type: 'module', name: 'linear-attention-wasm-worker' });
    return { worker, endpoint: worker, onEnd: (end) => worker.addEventListener('error', (event) => end(event.message ?? `its script could not be loaded. ${OLD_VITE}`)) };
  }
  const here = import.meta.url;
  const worker = new NodeWorker(new URL('./worker-thread.js', here));
  const onEnd = (end) => {
    worker.on('error', (error) => end(error.message));
    worker.on('exit', (code) => end(`it ended with code ${code}`));
  };
  return { worker, endpoint: Comlink.nodeEndpoint(worker), onEnd };
}

/** A call under way hears of its cancellation through shared memory; without it only calls that wait do. */
const canShare = () => globalThis.crossOriginIsolated !== false && typeof SharedArrayBuffer === 'function';

/** The error that the other side described, as if thrown here. */
function revive({ kind, code, message }) {
  if (kind === 'AttentionError') return new AttentionError(code, message);
  return new ({ TypeError, RangeError }[kind] ?? Error)(message);
}

/** The calls to one Worker that wait for an answer. */
class Connection {
  #waiting = new Set();
  #listeners = new Map();
  #ended = null;
  #calls = 0;

  constructor() {
    const { worker, endpoint, onEnd } = openWorker();
    this.worker = worker;
    this.endThreads = openFor(endpoint);
    this.remote = Comlink.wrap(endpoint);
    // Beside Comlink's messages, on the same port, so that none comes later than the answer to its call.
    endpoint.addEventListener('message', ({ data }) => this.#listeners.get(data?.progressOf)?.(data.fraction));
    onEnd((reason) => this.end(new AttentionError('thread-failed', `The Worker of this attention instance failed: ${reason}`)));
  }

  /** Ends the Worker; what waits, and every later call, is rejected with this error. */
  end(error) {
    if (this.#ended) return;
    this.#ended = error;
    this.worker.terminate();
    this.endThreads();
    for (const reject of this.#waiting) reject(error);
    this.#waiting.clear();
    this.worker.unref?.();
  }

  /** Settles as `answer` does, or when the Worker ends. */
  wait(answer) {
    if (this.#ended) return Promise.reject(this.#ended);
    return new Promise((resolve, reject) => {
      this.#waiting.add(reject);
      if (this.#waiting.size === 1) this.worker.ref?.();
      const settle = (done) => (value) => {
        this.#waiting.delete(reject);
        // Only a call under way keeps a program alive.
        if (this.#waiting.size === 0) this.worker.unref?.();
        done(value);
      };
      answer().then(settle(resolve), settle(reject));
    });
  }

  async call(target, name, args) {
    const options = isOptions(args.at(-1)) ? args.at(-1) : {};
    const { signal, onProgress, transfer, out } = options;
    if (signal !== undefined && !(signal instanceof AbortSignal)) throw wrongKind('signal', 'an AbortSignal', signal);
    if (onProgress !== undefined && typeof onProgress !== 'function') throw wrongKind('onProgress', 'a function', onProgress);
    if (transfer !== undefined && typeof transfer !== 'boolean') throw wrongKind('transfer', 'a boolean', transfer);
    signal?.throwIfAborted();
    const { sent, moved } = pack(this, name, args, options);
    const id = ++this.#calls;
    const flag = signal && canShare() ? new Int32Array(new SharedArrayBuffer(4)) : undefined;
    const abort = () => {
      if (flag) Atomics.store(flag, 0, 1);
      this.remote.abort(id);
    };
    signal?.addEventListener('abort', abort);
    try {
      if (onProgress) this.#listeners.set(id, onProgress);
      const request = { id, flag, waits: Boolean(signal && !flag), progress: onProgress !== undefined };
      const answer = await this.wait(() => this.remote.call(target, name, Comlink.transfer(sent, moved), request)).catch((error) => {
        throw unsendable(name, error);
      });
      if (answer.aborted) throw signal.reason;
      if (answer.error) throw revive(answer.error);
      if (out?.[handle] && answer.object?.id === out[handle].id) return out;
      const value = this.receive(answer);
      if (!(out instanceof Float32Array)) return value;
      out.set(value.data);
      return { data: out, shape: value.shape };
    } finally {
      signal?.removeEventListener('abort', abort);
      this.#listeners.delete(id);
    }
  }

  /** A value as it came, or an object that stands for one of the other side. */
  receive({ value, object }) {
    return object ? new Remote(this, object) : value;
  }
}

/** Stands for an object of the Worker: its fields, and its methods and getters as promises. */
class Remote {
  constructor(connection, { id, fields, methods, getters }) {
    const ask = (name, args) => connection.call(id, name, args);
    for (const [name, field] of Object.entries(fields)) this[name] = field?.id === undefined ? field : new Remote(connection, field);
    for (const name of getters) Object.defineProperty(this, name, { enumerable: true, get: () => ask(name, []) });
    for (const name of methods) this[name] = (...args) => ask(name, args);
    Object.defineProperty(this, handle, { value: { connection, id } });
    Object.freeze(this);
  }
}

/** Starts a Worker and an instance in it. */
export async function createAttention(options) {
  const { build, threads, wasm } = takeOptions('createAttention', options, asTheyAre('build', 'threads', 'wasm'));
  const isBytes = wasm instanceof ArrayBuffer || ArrayBuffer.isView(wasm);
  const module = wasm === undefined || isBytes ? wasm : await compile(wasm);
  const connection = new Connection();
  let attention;
  try {
    const answer = await connection.wait(() => connection.remote.create({ build, threads, wasm: module }));
    if (answer.error) throw revive(answer.error);
    attention = connection.receive(answer);
  } catch (cause) {
    connection.end(cause);
    throw cause;
  }
  const dispose = async () => {
    await connection.wait(() => connection.remote.dispose()).catch(() => undefined);
    connection.end(new AttentionError('disposed', 'This attention instance was disposed'));
  };
  return Object.freeze(Object.create(attention, { dispose: { value: dispose }, ...(Symbol.asyncDispose ? { [Symbol.asyncDispose]: { value: dispose } } : {}) }));
}
