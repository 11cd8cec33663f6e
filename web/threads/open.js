/** Opens Workers, in Node and in browsers, under one interface. */
import { AttentionError } from '../core/errors.js';
import { PLACELESS, viteRemedy } from '../core/load.js';

/** A module of Node's, where there is one. */
export const nodeModule = (name) => globalThis.process?.getBuiltinModule?.(`node:${name}`);

/** Why no Worker can be opened here, or null. */
export const workersObstacle = () => (typeof Worker !== 'function' && !nodeModule('worker_threads') ? 'this engine has no Workers' : null);

function openInNode(worker) {
  return {
    postMessage: (message, moved) => worker.postMessage(message, moved),
    addEventListener: (_, listener) => worker.on('message', (data) => listener({ data })),
    onEnd(end) {
      worker.on('error', (error) => end(error.message));
      worker.on('exit', (code) => end(`it ended with code ${code}`));
    },
    terminate: () => void worker.terminate(),
    ref: () => worker.ref(),
    unref: () => worker.unref(),
  };
}

/**
 * The script and options of the Worker that `make` makes. Bundlers rewrite the one expression that they know, so that
 * nothing but this expression knows where the script lies.
 */
function describeWorker(make) {
  const { Worker: engines } = globalThis;
  let given;
  globalThis.Worker = class {
    constructor(url, options) {
      given = { url: new URL(url, globalThis.location?.href), options };
    }
  };
  try {
    make();
  } finally {
    globalThis.Worker = engines;
  }
  return given;
}

/** A Worker whose script, of the page's own origin, does nothing but load that of another origin. */
function openFromElsewhere({ url, options }) {
  const place = JSON.stringify(url.href);
  const text = options?.type === 'module' ? `import ${place};` : `importScripts(${place});`;
  const script = URL.createObjectURL(new Blob([text], { type: 'text/javascript' }));
  const worker = new Worker(script, options);
  for (const event of ['message', 'error']) worker.addEventListener(event, () => URL.revokeObjectURL(script), { once: true });
  return worker;
}

const isElsewhere = (place) => new URL(place).origin !== globalThis.location?.origin;

/** Engines open no script of another origin; some say so at once, others by an event that says nothing. */
function openAnyOrigin(make) {
  const described = isElsewhere(import.meta.url) ? describeWorker(make) : null;
  return described && isElsewhere(described.url) ? openFromElsewhere(described) : make();
}

/** What kept a script from loading, which engines do not say, and what can be done. */
function notLoaded(make) {
  const { href } = describeWorker(make).url;
  return `its script ${href} could not be loaded. ${viteRemedy(href)}It must be served, and the Content-Security-Policy of the page must allow it under worker-src, and blob: where it comes from another origin`;
}

function openInPage(make) {
  const worker = openAnyOrigin(make);
  return {
    postMessage: (message, moved) => worker.postMessage(message, moved),
    addEventListener: (type, listener) => worker.addEventListener(type, listener),
    onEnd: (end) =>
      worker.addEventListener('error', (event) => {
        event.preventDefault();
        end(event.message || notLoaded(make));
      }),
    terminate: () => worker.terminate(),
    ref() {},
    unref() {},
  };
}

/**
 * A Worker made by `inNode(Worker)` of Node's, or else by `inPage()`. Both spell out the script's place, for bundlers
 * to find. Its interface is an endpoint for messages, with onEnd(handler), terminate(), ref() and unref().
 */
export function openWorker(inNode, inPage) {
  const { Worker: NodeWorker } = nodeModule('worker_threads') ?? {};
  const obstacle = workersObstacle();
  if (obstacle) throw new AttentionError('unsupported', `${obstacle}: linear-attention-wasm itself, without a Worker, runs here too`);
  try {
    return NodeWorker ? openInNode(inNode(NodeWorker)) : openInPage(inPage);
  } catch (cause) {
    throw new AttentionError('thread-failed', `A Worker could not be opened: ${PLACELESS ?? cause.message}`, { cause });
  }
}
