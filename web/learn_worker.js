/** linear-attention-wasm/learn/worker: the functions of linear-attention-wasm/learn with promises, on an instance in a Worker of its own. */
import { wrongKind } from './core/errors.js';
import { isObject } from './core/lists.js';
import { handle } from './core/resident.js';
import { packaged } from './learn_packaged.js';
import { openWorker } from './threads/open.js';
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

/** The function of that name in the Worker of the instance that it is given. */
const inWorker = (name) => async (attention, ...args) => {
  const connected = isObject(attention) ? attention[handle] : undefined;
  if (connected === undefined || !learning.has(connected.connection)) throw wrongKind('attention', `what createAttention() of linear-attention-wasm/learn/worker resolves to, for ${name}`, attention);
  return connected.connection.call(connected.id, name, args);
};

export const linearGradient = inWorker('linearGradient');
export const softmaxGradient = inWorker('softmaxGradient');
export const weightsGradient = inWorker('weightsGradient');
export const adam = inWorker('adam');
