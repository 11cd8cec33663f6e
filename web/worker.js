/** linear-attention-wasm/worker: the same interface with promises, in a Worker of its own. */
import * as Comlink from './dist/comlink.js';
import { AttentionError, wrongKind } from './core/errors.js';
import { asTheyAre, optionTakers, takeOptions } from './core/given.js';
import { isSignal } from './core/kinds.js';
import { compile, findPackaged } from './core/load.js';
import { handle } from './core/resident.js';
import { isOwnBuffer, kindOf, plainFloats } from './core/views.js';
import { openThread } from './open_thread.js';
import { packaged } from './packaged.js';
import { Link } from './threads/link.js';
import { openWorker } from './threads/open.js';
import { pack, readOptions, unsendable } from './threads/parcel.js';

const OPTIONS = optionTakers(asTheyAre('build', 'threads', 'wasm'));

export { AttentionError } from './core/errors.js';
export { version } from './core/version.js';

function openOwnWorker() {
  const here = import.meta.url;
  return openWorker(
    (NodeWorker) => new NodeWorker(new URL('./dist/worker-thread.js', here)),
    () => new Worker(new URL('./dist/worker-thread.js', import.meta.url), { type: 'module', name: 'linear-attention-wasm-worker' }),
  );
}

/** Memory by which a call under way hears that it was cancelled; without, it is carried through, and then taken back. */
const shareFlag = () => (globalThis.crossOriginIsolated !== false && typeof SharedArrayBuffer === 'function' ? new Int32Array(new SharedArrayBuffer(4)) : undefined);

/** The error that the other side described, as if thrown here. */
function revive({ kind, code, message }) {
  if (kind === 'AttentionError') return new AttentionError(code, message);
  return new ({ TypeError, RangeError }[kind] ?? Error)(message);
}

const disposedError = () => new AttentionError('disposed', 'This attention instance was disposed');

/** Ends the Workers of instances that are gone, with all that stood for their objects, and were not disposed of. */
const forgotten = new FinalizationRegistry((link) => link.end(disposedError()));

/** One instance's calls; held by all that stands for its objects, and by nothing else. */
class Connection {
  #link;
  #calls = 0;

  constructor(link) {
    this.#link = link;
    forgotten.register(this, link);
  }

  /**
   * The Worker's answer to `post`, or a rejection as soon as `signal` is aborted, `onProgress` throws or a source fails. The
   * Worker is told which of the two it was, and starts no other call before: it can still take back what a cancelled one
   * changed.
   */
  #ask({ id, flag }, post, { signal, onProgress, open }) {
    const link = this.#link;
    return new Promise((resolve, reject) => {
      let isOpen = true;
      const close = (isCancelled) => {
        if (!isOpen) return false;
        isOpen = false;
        signal?.removeEventListener('abort', abort);
        link.unlisten(id);
        sources?.close();
        if (isCancelled && flag) Atomics.store(flag, 0, 1);
        link.tell({ settled: id, isCancelled });
        return true;
      };
      const cancel = (reason) => close(true) && reject(reason);
      const abort = () => cancel(signal.reason);
      signal?.addEventListener('abort', abort);
      const sources = open?.((result, moved) => link.tell({ fed: id, result }, moved), cancel);
      const listen = ({ wants, progress }) => {
        if (wants !== undefined) return void sources.answer(wants);
        try {
          onProgress(progress);
        } catch (error) {
          cancel(error);
        }
      };
      if (onProgress || sources) link.listen(id, listen);
      link.wait(post).then((answer) => close(false) && resolve(answer), (error) => close(false) && reject(error));
    });
  }

  /**
   * @param {(give: Function, fail: Function) => { answer(name: string): void, close(): void }} [open] what the Worker may pull
   * from during the call, with how to answer it and how to end the call
   */
  async call(target, name, args, open) {
    const options = readOptions(args.at(-1));
    const { signal, onProgress, transfer, out } = options ?? {};
    if (signal !== undefined && !isSignal(signal)) throw wrongKind('signal', 'an AbortSignal', signal);
    if (onProgress !== undefined && typeof onProgress !== 'function') throw wrongKind('onProgress', 'a function', onProgress);
    if (transfer !== undefined && typeof transfer !== 'boolean') throw wrongKind('transfer', 'a boolean', transfer);
    const { sent, moved } = pack(this, name, options ? [...args.slice(0, -1), options] : args, options);
    signal?.throwIfAborted();
    const cancellable = signal !== undefined || onProgress !== undefined || open !== undefined;
    const request = { id: ++this.#calls, cancellable, flag: cancellable ? shareFlag() : undefined, progress: onProgress !== undefined };
    const post = () => this.#link.remote.call(target, name, Comlink.transfer(sent, moved), request);
    const asked = cancellable ? this.#ask(request, post, { signal, onProgress, open }) : this.#link.wait(post);
    const answer = await asked.catch((error) => {
      throw unsendable(name, error);
    });
    if (answer.error) throw revive(answer.error);
    if (out?.[handle] && answer.object?.id === out[handle].id) return out;
    const value = this.receive(answer);
    if (kindOf(out) !== 'Float32Array') return value;
    plainFloats(out).set(value.data);
    return { data: out, shape: value.shape };
  }

  /** A value as it came, or an object that stands for one of the other side; a value may hold such objects by name. */
  receive({ value, object, objects }) {
    if (object) return new Remote(this, object);
    return objects ? { ...Object.fromEntries(objects.map(([name, one]) => [name, new Remote(this, one)])), ...value } : value;
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

/** Some bundlers leave URLs without their origin. */
const absolute = (url) => new URL(url, globalThis.location?.href).href;

/** The URLs of the modules: the Worker's script may lie anywhere. */
const findPlaces = (packaged) => Object.fromEntries(Object.entries(packaged).map(([build, locate]) => [build, absolute(findPackaged(locate))]));

/** Starts a Worker by `openOwnWorker` and an instance in it, of the modules that `packaged` locates. */
export async function connect(options, packaged, openOwnWorker) {
  const { build, threads, wasm } = takeOptions('createAttention', options, OPTIONS);
  const isBytes = isOwnBuffer(wasm) || ArrayBuffer.isView(wasm);
  const module = wasm === undefined || isBytes ? wasm : await compile(wasm);
  const link = new Link(openOwnWorker(), openThread);
  let answer;
  try {
    const places = wasm === undefined ? findPlaces(packaged) : {};
    answer = await link.wait(() => link.remote.create({ build, threads, wasm: module }, places));
    if (answer.error) throw revive(answer.error);
  } catch (cause) {
    link.end(cause);
    throw cause;
  }
  const attention = new Connection(link).receive(answer);
  const dispose = async () => link.end(disposedError());
  return Object.freeze(Object.create(attention, { dispose: { value: dispose }, ...(Symbol.asyncDispose ? { [Symbol.asyncDispose]: { value: dispose } } : {}) }));
}

/** Starts a Worker and an instance in it. */
export function createAttention(options) {
  return connect(options, packaged, openOwnWorker);
}
