/**
 * The Worker's side of linear-attention-wasm/worker and …/learn/worker: one instance, its objects by handle, one call after
 * another. build.sh bundles the scripts that call it into dist/, for they must run alone: where a bundler copies one,
 * nothing that lies beside it comes along.
 */
import * as Comlink from './dist/comlink.js';
import { create } from './create.js';
import { AttentionError } from './core/errors.js';
import { newFloats } from './core/arrays.js';
import { Fates } from './threads/fates.js';
import { Pull } from './threads/pull.js';
import { openThrough } from './threads/relay.js';
import { internal } from './core/resident.js';
import { remember } from './calls/undo.js';
import { nodeModule } from './threads/open.js';

/** Objects by handle while they live, and their handles; a handle is never used again. */
const objects = new Map();
const known = new WeakMap();
const fates = new Fates();
const { parentPort } = nodeModule('worker_threads') ?? {};
const endpoint = parentPort ? Comlink.nodeEndpoint(parentPort) : globalThis;
let handles = 0;
let queue = Promise.resolve();

const isObject = (value) => value !== null && typeof value === 'object';
const isPlain = (value) => !isObject(value) || Array.isArray(value) || ArrayBuffer.isView(value) || Object.getPrototypeOf(value) === Object.prototype;

/** Names of an object's methods and getters, from its class. */
function members(object, kind) {
  const described = Object.entries(Object.getOwnPropertyDescriptors(Object.getPrototypeOf(object)));
  return described.filter(([name, { get, value }]) => name !== 'constructor' && (kind === 'getters' ? get : typeof value === 'function')).map(([name]) => name);
}

/** What the other side needs to stand for an object; the same object keeps its handle. */
function describeObject(object) {
  const id = known.get(object) ?? ++handles;
  known.set(object, id);
  objects.set(id, object);
  const fields = Object.fromEntries(Object.entries(object).map(([name, field]) => [name, isPlain(field) ? field : describeObject(field)]));
  return { id, fields, methods: members(object, 'methods'), getters: members(object, 'getters') };
}

/** An array that can leave without a copy: itself, but live views of module memory leave as copies. */
const ownArray = (view) => (view.buffer.byteLength === view.byteLength && view.buffer instanceof ArrayBuffer ? view : view.slice());

/** The same value with arrays that can leave, which `moved` is told of; results may hold others by name. */
function release(value, moved) {
  if (ArrayBuffer.isView(value)) {
    const own = ownArray(value);
    moved.push(own.buffer);
    return own;
  }
  if (!isObject(value) || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, release(part, moved)]));
}

const isRecord = (value) => isObject(value) && isPlain(value) && !Array.isArray(value) && !ArrayBuffer.isView(value);

/** The objects that a result holds by name, as entries. */
const objectsIn = (value) => (isRecord(value) ? Object.entries(value).filter(([, part]) => !isPlain(part)) : []);

/** Results leave without a copy. */
function answer(value) {
  if (!isPlain(value)) return { object: describeObject(value) };
  const held = objectsIn(value);
  const moved = [];
  if (held.length === 0) return Comlink.transfer({ value: release(value, moved) }, moved);
  const others = Object.fromEntries(Object.entries(value).filter(([, part]) => isPlain(part)));
  return Comlink.transfer({ value: release(others, moved), objects: held.map(([name, one]) => [name, describeObject(one)]) }, moved);
}

/** The answer of a call that may be cancelled, which then takes with it what it made: what nobody has heard of yet. */
function answerWith(fate, value) {
  const made = (isPlain(value) ? objectsIn(value).map(([, one]) => one) : [value]).filter((one) => !known.has(one));
  const answered = answer(value);
  if (made.length > 0) fate.undo = () => made.forEach((one) => disposeOf(known.get(one)));
  return answered;
}

const failure = (error) => ({ error: { kind: error.name, code: error.code, message: error.message } });

/** The object behind a handle; what has none any more was disposed of. */
function find(where, id) {
  const object = objects.get(id);
  if (object === undefined) throw new AttentionError('disposed', `${where} was disposed`);
  return object;
}

/** An argument as parcel.js packed it. */
function receive(where, value) {
  if (!isObject(value) || ArrayBuffer.isView(value)) return value;
  // Of numbers, of which there may be many, none is looked at.
  if (Array.isArray(value)) return isObject(value[0]) ? value.map((one, i) => receive(`${where}[${i}]`, one)) : value;
  if (value.handle !== undefined) return find(where, value.handle);
  if (value.floats !== undefined) return newFloats(value.floats);
  if (Object.getPrototypeOf(value) !== Object.prototype || value.data !== undefined) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, receive(name, part)]));
}

/** Lets messages in that wait, such as the cancellation of a call that has not started. */
function turn() {
  return new Promise((resolve) => setTimeout(resolve));
}

/** Disposes of an object, once, and forgets it unless it lives on: an instance's own feature maps do. */
function disposeOf(target) {
  const object = objects.get(target);
  if (!object) return;
  object.dispose();
  const { pointer, disposed } = object[internal];
  if (disposed ?? pointer === 0) objects.delete(target);
}

/** What else can be called than methods: by name, what takes an instance first. */
let functions = {};

/** And what takes a while: (instance, arguments, { pull, signal, onProgress }) => a promise. Other calls run meanwhile. */
let lasting = {};

/** Calls a method or one of `functions`, or gets a property; `fate`: whether the call was cancelled meanwhile, of a call that may be. */
function perform(target, name, args, { id, flag, progress: isAsked }, fate) {
  if (name === 'dispose') return answer(disposeOf(target));
  const object = find('this object', target);
  const received = args.map((value, i) => receive(`argument ${i + 1} of ${name}`, value));
  const run = () => {
    if (Object.hasOwn(functions, name)) return functions[name](object, ...received);
    return typeof object[name] === 'function' ? object[name](...received) : object[name];
  };
  if (!fate) return answer(run());
  const { core } = object[internal] ?? {};
  fate.undo = remember(object, received);
  const progress = isAsked ? (fraction) => endpoint.postMessage({ toCall: id, progress: fraction }) : undefined;
  const value = core && (flag || progress) ? core.interruptible({ isAborted: () => isCancelled(fate, flag), progress }, run) : run();
  return answerWith(fate, value);
}

/** Calls one of `lasting`. */
async function performLasting(target, name, args, { id, progress: isAsked }, fate) {
  const object = find('this object', target);
  const received = args.map((value, i) => receive(`argument ${i + 1} of ${name}`, value));
  const ending = new AbortController();
  fate.settled.then(() => ending.abort());
  fate.pull = new Pull((wants) => endpoint.postMessage({ toCall: id, wants }), (value) => receive(`an argument of ${name}`, value), ending.signal);
  const onProgress = isAsked ? (progress) => endpoint.postMessage({ toCall: id, progress }) : undefined;
  return answerWith(fate, await lasting[name](object, received, { pull: fate.pull, signal: ending.signal, onProgress }));
}

const isCancelled = (fate, flag) => fate.isCancelled || (flag !== undefined && Atomics.load(flag, 0) === 1);

/** A call's answer, whatever comes; the other side does not wait for that of a cancelled call. */
async function answerCall(target, name, args, request, fate) {
  if (fate && isCancelled(fate, request.flag)) return {};
  try {
    return await (Object.hasOwn(lasting, name) ? performLasting : perform)(target, name, args, request, fate);
  } catch (error) {
    fate?.takeBack();
    return failure(error);
  }
}

/** Answers to the other side from now on. */
export function serve(others = {}, longer = {}) {
  functions = others;
  lasting = longer;
  endpoint.addEventListener('message', ({ data }) => {
    if (data?.settled !== undefined) fates.settle(data.settled, data.isCancelled);
    if (data?.fed !== undefined) fates.give(data.fed, data.result);
  });

  Comlink.expose(
    {
      /** `places` has the URLs of the modules, which the other side knows. */
      async create(options, places) {
        try {
          const packaged = Object.fromEntries(Object.entries(places).map(([build, place]) => [build, () => new URL(place)]));
          const attention = await create(options, packaged, openThrough(endpoint));
          return { object: describeObject(attention) };
        } catch (error) {
          return failure(error);
        }
      },
      /**
       * One call after another: the next one starts once a call that may be cancelled is settled. Beside a lasting one others
       * run, such as those of which the caller makes what it pulls; a cancelled one ends before the next.
       */
      call(target, name, args, request) {
        const fate = request.cancellable ? fates.open(request.id) : null;
        const turned = queue.then(() => fate && !request.flag && turn());
        const answered = turned.then(() => answerCall(target, name, args, request, fate));
        const ended = fate ? answered.then(() => fate.end()) : answered;
        if (Object.hasOwn(lasting, name)) {
          queue = turned;
          fate.settled.then(() => fate.isCancelled && (queue = Promise.all([queue, ended])));
        } else queue = ended;
        return answered;
      },
    },
    endpoint,
  );
}
