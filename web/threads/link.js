/** The way from the caller's side to the Worker of one instance. */
import * as Comlink from '../dist/comlink.js';
import { AttentionError } from '../core/errors.js';
import { openFor } from './relay.js';

/**
 * Held by its Worker, so that it must hold nothing of the caller's but what waits for an answer: an instance that is
 * dropped can then be collected.
 */
export class Link {
  #worker;
  #endThreads;
  #waiting = new Set();
  #listeners = new Map();
  #ended = null;

  constructor(worker, openThread) {
    this.#worker = worker;
    this.#endThreads = openFor(worker, openThread);
    /** Functions of the other side. */
    this.remote = Comlink.wrap(worker);
    // Beside Comlink's messages, on the same port, so that none comes later than the answer to its call.
    worker.addEventListener('message', ({ data }) => this.#listeners.get(data?.toCall)?.(data));
    worker.onEnd((reason) => this.end(new AttentionError('thread-failed', `The Worker of this attention instance failed: ${reason}`)));
  }

  /** Calls `listener` with each message of the call `id` before its answer, until `unlisten`. */
  listen(id, listener) {
    this.#listeners.set(id, listener);
  }

  unlisten(id) {
    this.#listeners.delete(id);
  }

  /** Ends the Worker, whatever it does; what waits, and every later call, is rejected with this error. */
  end(error) {
    if (this.#ended) return;
    this.#ended = error;
    this.#worker.terminate();
    this.#endThreads();
    for (const reject of this.#waiting) reject(error);
    this.#waiting.clear();
    this.#listeners.clear();
    this.#worker.unref();
  }

  /** Tells the Worker something that it does not answer. */
  tell(message, moved) {
    if (!this.#ended) this.#worker.postMessage(message, moved);
  }

  /** Settles as `answer()` does, or when the Worker ends. */
  wait(answer) {
    if (this.#ended) return Promise.reject(this.#ended);
    return new Promise((resolve, reject) => {
      this.#waiting.add(reject);
      if (this.#waiting.size === 1) this.#worker.ref();
      const settle = (done) => (value) => {
        this.#waiting.delete(reject);
        // Only a call under way keeps a program alive.
        if (this.#waiting.size === 0) this.#worker.unref();
        done(value);
      };
      answer().then(settle(resolve), settle(reject));
    });
  }
}
