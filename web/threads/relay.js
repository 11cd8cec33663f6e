/**
 * The pool of an instance that lives in a Worker, opened by the side that opened that Worker: Workers opened by Workers
 * can hang in Firefox while it is remotely controlled, and outlive the one that opened them in Chromium.
 */
/** The instance's side: opens workers through `endpoint`, with what a pool uses of openWorker's interface. */
export function openThrough(endpoint) {
  let count = 0;
  return () => {
    const thread = ++count;
    const hear = (handle) =>
      endpoint.addEventListener('message', ({ data }) => {
        if (data?.thread === thread) handle(data);
      });
    return {
      postMessage: (message) => endpoint.postMessage({ thread, message }),
      addEventListener: (_, listener) => hear(({ reason, message }) => reason === undefined && listener({ data: message })),
      onEnd: (end) => hear(({ reason }) => reason !== undefined && end(reason)),
      terminate: () => endpoint.postMessage({ thread, isOver: true }),
    };
  };
}

/** The other side: opens by `openThread`, at the first message for it, each worker that is asked for. Returns a function that ends them all. */
export function openFor(endpoint, openThread) {
  const workers = new Map();
  const open = (thread) => {
    const worker = openThread();
    workers.set(thread, worker);
    worker.addEventListener('message', ({ data: message }) => endpoint.postMessage({ thread, message }));
    worker.onEnd((reason) => workers.has(thread) && endpoint.postMessage({ thread, reason }));
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
