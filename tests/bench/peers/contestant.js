/** One library in a process or page of its own: prepares a case, verifies it, and times it when it is its turn. */
import { inputsOf, verify } from './cases.js';
import { loadHosts } from './hosts/index.js';

const LONG_TRIAL_MS = 300;
const TRIAL_MS = 30;

const now = () => performance.now();

async function timeOnce({ run, before }, runs) {
  await before?.();
  const start = now();
  for (let i = 0; i < runs; i++) {
    const pending = run();
    if (pending) await pending; // a synchronous library pays for no promise
  }
  return (now() - start) / runs;
}

/** Runs until the engine has replaced its baseline code, at least `ms` of it; returns the last time of one run. */
async function warmUp(way, ms) {
  const end = now() + ms;
  let last = await timeOnce(way, 1);
  while (now() < end) last = await timeOnce(way, Math.min(way.mostRuns ?? Infinity, Math.max(1, Math.ceil(2 / Math.max(last, 0.02)))));
  return last;
}

export class Contestant {
  #host;
  #library;
  #prepared = null;

  constructor(host, library) {
    this.#host = host;
    this.#library = library;
  }

  static async open({ peer, index, threads }) {
    const host = (await loadHosts(peer))[index];
    return new Contestant(host, await host.open({ threads }));
  }

  /** Verifies every way to compute the case, and keeps the fastest: { way, ms, refused: { way: reason } }. */
  async prepare(one, expected) {
    await this.drop();
    const inputs = inputsOf(one);
    const refused = {};
    let best = null;
    for (const [name, prepare] of Object.entries(this.#host.ways(this.#library, one))) {
      let way;
      try {
        way = await prepare(inputs);
        await way.before?.();
        await way.run();
        verify(await way.result(), one, expected);
        const ms = await warmUp(way, one.token ? LONG_TRIAL_MS : TRIAL_MS);
        if (best === null || ms < best.ms) {
          const slower = best;
          best = { name, way, ms };
          way = slower?.way;
        }
      } catch (error) {
        refused[name] = String(error?.message ?? error).slice(0, 200);
      }
      await way?.close?.();
    }
    if (best === null) return { refused };
    best.ms = await warmUp(best.way, LONG_TRIAL_MS);
    this.#prepared = best;
    return { way: best.name, ms: best.ms, refused };
  }

  /** Milliseconds of one run, from as many as fill `sampleMs`. */
  async time({ sampleMs }) {
    const { way, ms } = this.#prepared;
    return timeOnce(way, Math.min(way.mostRuns ?? Infinity, Math.max(1, Math.round(sampleMs / Math.max(ms, 1e-3)))));
  }

  async drop() {
    await this.#prepared?.way.close?.();
    this.#prepared = null;
  }
}

/** Milliseconds from importing a library to its first result. Nothing of it is loaded before. */
export async function startUp({ peer, index, threads, bundled }, one) {
  const inputs = inputsOf(one);
  const start = now();
  const host = (await loadHosts(peer))[index];
  const library = await host.open({ threads, bundled });
  const [prepare] = Object.values(host.ways(library, one));
  const way = await prepare(inputs);
  await way.run();
  await way.result();
  return now() - start;
}
