/** linear-attention-wasm/worker: the same interface with promises, in a Worker of its own. */
import * as Comlink from './dist/comlink.js';
import { AttentionError, describe, wrongKind } from './errors.js';
import { compile } from './load.js';
import { openFor } from './relay.js';
import { nodeModule } from './threads.js';
import { checkOptions } from './validate.js';

export { AttentionError } from './errors.js';
export { version } from './version.js';

/** Options of every call that this side takes for itself. */
const OWN_OPTIONS = ['signal', 'onProgress', 'transfer'];
const handle = Symbol('handle');

function openWorker() {
  const { Worker: NodeWorker } = nodeModule('worker_threads') ?? {};
  if (!NodeWorker) {
    const worker = new Worker(new URL('./worker-thread.js', import.meta.url), { type: 'module', name: 'linear-attention-wasm' });
    return { worker, endpoint: worker, onEnd: (end) => worker.addEventListener('error', (event) => end(event.message ?? 'its script could not be loaded')) };
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

const isOptions = (value) => value !== null && typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype && !('data' in value);

/** The error that the other side described, as if thrown here. */
function revive({ kind, code, message }) {
  if (kind === 'AttentionError') return new AttentionError(code, message);
  return new ({ TypeError, RangeError }[kind] ?? Error)(message);
}

/** What is replaced before arguments are sent: objects of the other side by their handles. */
function send(value) {
  if (value === null || typeof value !== 'object') return value;
  if (value[handle] !== undefined) return { handle: value[handle] };
  if (isOptions(value)) return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, send(part)]));
  const shape = value.shape ?? value.dims;
  return value.data !== undefined && shape !== undefined ? { data: value.data, shape: Array.from(shape, Number) } : value;
}

/** The buffers of tensor-likes among the arguments. */
const buffersOf = (args) => [...new Set(args.map((arg) => arg?.data?.buffer).filter((buffer) => buffer instanceof ArrayBuffer))];

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
    const last = args.at(-1);
    const own = isOptions(last) ? Object.fromEntries(OWN_OPTIONS.map((option) => [option, last[option]])) : {};
    const { signal, onProgress, transfer } = own;
    if (signal !== undefined && !(signal instanceof AbortSignal)) throw wrongKind('signal', 'an AbortSignal', signal);
    if (onProgress !== undefined && typeof onProgress !== 'function') throw wrongKind('onProgress', 'a function', onProgress);
    if (transfer !== undefined && typeof transfer !== 'boolean') throw wrongKind('transfer', 'a boolean', transfer);
    signal?.throwIfAborted();
    const out = isOptions(last) && last.out instanceof Float32Array ? last.out : null;
    const sent = args.map(send);
    if (isOptions(last)) {
      for (const option of OWN_OPTIONS) delete sent.at(-1)[option];
      if (out) sent.at(-1).out = { length: out.length };
    }
    const id = ++this.#calls;
    const flag = signal && canShare() ? new Int32Array(new SharedArrayBuffer(4)) : undefined;
    const abort = () => {
      if (flag) Atomics.store(flag, 0, 1);
      this.remote.abort(id);
    };
    signal?.addEventListener('abort', abort);
    try {
      const packed = transfer ? Comlink.transfer(sent, buffersOf(sent)) : sent;
      if (onProgress) this.#listeners.set(id, onProgress);
      const request = { id, flag, waits: Boolean(signal && !flag), progress: onProgress !== undefined };
      const answer = await this.wait(() => this.remote.call(target, name, packed, request));
      if (answer.aborted) throw signal.reason;
      if (answer.error) throw revive(answer.error);
      const value = this.receive(answer);
      if (!out) return value;
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
    Object.defineProperty(this, handle, { value: id });
    Object.freeze(this);
  }
}

/** Starts a Worker and an instance in it. */
export async function createAttention(options) {
  const { build, threads, wasm } = checkOptions('createAttention', options, ['build', 'threads', 'wasm']);
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
