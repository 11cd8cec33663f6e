/** linear-attention-wasm/learn/worker: the functions of linear-attention-wasm/learn with promises, on an instance in a Worker of its own. */
import { wrongKind } from './core/errors.js';
import { isIterable, isObject } from './core/lists.js';
import { handle } from './core/resident.js';
import { packaged } from './learn_packaged.js';
import { openWorker } from './threads/open.js';
import { packNamed, readOptions } from './threads/parcel.js';
import { Sources } from './threads/pull.js';
import { connect } from './worker.js';

export { AttentionError } from './core/errors.js';
export { version } from './core/version.js';

function openOwnWorker() {
  const here = import.meta.url;
  return openWorker(
    (NodeWorker) => new NodeWorker(new URL('./dist/learn-worker-thread.js', here)),
    () => new Worker(new URL('./dist/learn-worker-thread.js', import.meta.url), { type: 'module', name: 'linear-attention-wasm-learn-worker' }),
  );
}

/** Connections to Workers whose script has the functions. */
const learning = new WeakSet();

export async function createAttention(options) {
  const attention = await connect(options, packaged, openOwnWorker);
  learning.add(attention[handle].connection);
  return attention;
}

/** What an instance of this entry is connected by, for the function `name`. */
function connectedTo(attention, name) {
  const connected = isObject(attention) ? attention[handle] : undefined;
  if (connected === undefined || !learning.has(connected.connection)) throw wrongKind('attention', `what createAttention() of linear-attention-wasm/learn/worker resolves to, for ${name}`, attention);
  return connected;
}

/** The function of that name in the Worker of the instance that it is given. */
const inWorker = (name) => async (attention, ...args) => {
  const { connection, id } = connectedTo(attention, name);
  return connection.call(id, name, args);
};

/** Of an example nothing but its parts is read. */
const partsOf = ({ q, k, v }) => ({ q, k, v });

/** What is sent for examples: one at once; several are asked for by name. */
function sentFor(name, value) {
  if (isIterable(value)) return { pulled: name };
  return isObject(value) ? partsOf(value) : value;
}

export async function distill(attention, examples, options) {
  const { connection, id } = connectedTo(attention, 'distill');
  const given = options === undefined ? {} : readOptions(options);
  const { validation, transfer } = given ?? {};
  const pack = (where, value) => (isObject(value) ? packNamed(connection, where, partsOf(value), transfer === true) : { sent: value, moved: [] });
  const open = (give, fail) => new Sources({ examples, validation }, pack, give, fail);
  return connection.call(id, 'distill', [sentFor('examples', examples), given ? { ...given, validation: sentFor('validation', validation) } : options], open);
}

export const linearGradient = inWorker('linearGradient');
export const softmaxGradient = inWorker('softmaxGradient');
export const weightsGradient = inWorker('weightsGradient');
export const adam = inWorker('adam');
