/**
 * Iterables of the caller's from which a call in the Worker pulls, by name: each value is asked for when the call needs it,
 * so that none waits anywhere.
 */
import { wrongKind } from '../core/errors.js';

/** The Worker's side of one call, until `signal` ends it. */
export class Pull {
  #ask;
  #receive;
  #signal;
  #waiting = null;

  /** `ask(name)` tells the other side what is wanted; `receive(value)` is what came of it. */
  constructor(ask, receive, signal) {
    this.#ask = ask;
    this.#receive = receive;
    this.#signal = signal;
    signal.addEventListener('abort', () => this.#waiting?.reject(signal.reason));
  }

  async #next(name) {
    this.#signal.throwIfAborted();
    const answer = new Promise((resolve, reject) => (this.#waiting = { resolve, reject }));
    this.#ask(name);
    const { done, value } = await answer;
    return done ? { done, value: undefined } : { done, value: this.#receive(value) };
  }

  /** What the other side has under that name, once. */
  from(name) {
    return { [Symbol.asyncIterator]: () => ({ next: () => this.#next(name) }) };
  }

  /** Answers what was asked last. */
  give(result) {
    this.#waiting?.resolve(result);
  }
}

/** Also of what has promises, or a method return() that must be called where it is not read to its end. */
async function* each(iterable) {
  for await (const value of iterable) yield value;
}

/** The caller's side of one call. */
export class Sources {
  #iterables;
  #pack;
  #give;
  #fail;
  #open = new Map();
  #isOver = false;

  /**
   * @param {Record<string, object>} iterables
   * @param {(where: string, value: unknown) => { sent: unknown, moved: ArrayBuffer[] }} pack
   * @param {(result: { done: boolean, value?: unknown }, moved?: ArrayBuffer[]) => void} give answers the Worker
   * @param {(error: unknown) => void} fail ends the call with what an iterable threw, or why a value cannot be sent
   */
  constructor(iterables, pack, give, fail) {
    this.#iterables = iterables;
    this.#pack = pack;
    this.#give = give;
    this.#fail = fail;
  }

  #find(name) {
    const known = this.#open.get(name);
    if (known) return known;
    const opened = { values: each(this.#iterables[name]), count: 0 };
    this.#open.set(name, opened);
    return opened;
  }

  async answer(name) {
    try {
      const source = this.#find(name);
      const { done, value } = await source.values.next();
      if (this.#isOver) return;
      if (done) return this.#give({ done });
      const where = `${name}[${source.count++}]`;
      if (typeof value === 'function' || typeof value === 'symbol') throw wrongKind(where, 'something that can be sent to the Worker', value);
      const { sent, moved } = this.#pack(where, value);
      this.#give({ done: false, value: sent }, moved);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Ends what was not read to its end, once the call is over. */
  close() {
    this.#isOver = true;
    for (const { values } of this.#open.values()) values.return().catch(() => {});
  }
}
