/** Calls that the caller's side may cancel: what it decided of each, and how each is taken back. */

class Fate {
  isCancelled = false;
  /** Undoes what the call has changed, or null. */
  undo = null;
  /** What the call pulls from the caller's side, or null. */
  pull = null;
  /** Resolves once the caller has its answer or has stopped waiting for it. */
  settled = new Promise((resolve) => (this.settle = resolve));

  takeBack() {
    this.undo?.();
    this.undo = null;
  }

  /** Resolves once it is settled; a call for which the caller has stopped waiting is taken back. */
  async end() {
    await this.settled;
    if (this.isCancelled) this.takeBack();
  }
}

/** By the calls' ids, from their arrival until they are settled: the caller's side settles each of them once. */
export class Fates {
  #open = new Map();

  get size() {
    return this.#open.size;
  }

  open(id) {
    const fate = new Fate();
    this.#open.set(id, fate);
    return fate;
  }

  /** Answers what the call asked for; one that is settled wants nothing any more. */
  give(id, result) {
    this.#open.get(id)?.pull?.give(result);
  }

  settle(id, isCancelled) {
    const fate = this.#open.get(id);
    if (!fate) return;
    this.#open.delete(id);
    fate.isCancelled = isCancelled;
    fate.settle();
  }
}
