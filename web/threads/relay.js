/**
 * The pool of an instance that lives in a Worker, opened by the side that opened that Worker: Workers opened by Workers
 * can hang in Firefox while it is remotely controlled, and outlive the one that opened them in Chromium.
 */
import { openWorker } from './pool.js';

/** The instance's side: opens workers through `endpoint`, with the interface of openWorker. */
export function openThrough(endpoint) {
  let count = 0;
  return () => {
    const thread = ++count;
    return {
      worker: {
        postMessage: (message) => endpoint.postMessage({ thread, message }),
        terminate: () => endpoint.postMessage({ thread, isOver: true }),
      },
      on(message, end) {
        endpoint.addEventListener('message', ({ data }) => {
          if (data?.thread !== thread) return;
          if (data.reason !== undefined) end(data.reason);
          else message(data.message);
        });
      },
    };
  };
}

/** The other side: opens, at the first message for it, each worker that is asked for. Returns a function that ends them all. */
export function openFor(endpoint) {
  const workers = new Map();
  const open = (thread) => {
    const { worker, on } = openWorker();
    workers.set(thread, worker);
    on(
      (message) => endpoint.postMessage({ thread, message }),
      (reason) => workers.has(thread) && endpoint.postMessage({ thread, reason }),
    );
    return worker;
  };
  const end = (thread) => {
    const worker = workers.get(thread);
    workers.delete(thread);
    worker?.terminate();
  };
  endpoint.addEventListener('message', ({ data }) => {
    if (data?.thread === undefined) return;
    const { thread, message, isOver } = data;
    if (isOver) return end(thread);
    try {
      (workers.get(thread) ?? open(thread)).postMessage(message);
    } catch (error) {
      endpoint.postMessage({ thread, reason: error.message });
    }
  });
  return () => [...workers.keys()].forEach(end);
}
