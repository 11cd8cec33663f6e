// Calls of the tests, in a page or in a Worker of it.
import { describeError } from './scenario.js';

/** Gives the library's entries and `options` to a function of this folder; an error comes back described. */
export async function call({ file, name, options }) {
  try {
    const modules = [`./${file}`, '/web/index.js', '/web/worker.js'];
    const [scenario, main, worker] = await Promise.all(modules.map((module) => import(module)));
    return await scenario[name]({ main, worker }, options);
  } catch (error) {
    return describeError(error);
  }
}

/** The same in a Worker. */
export function callInWorker(request) {
  const worker = new Worker('/tests/browser/pages/call-thread.js', { type: 'module' });
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = (event) => reject(new Error(event.message ?? 'the Worker did not start'));
    worker.postMessage(request);
  }).finally(() => worker.terminate());
}
