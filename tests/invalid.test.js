// Calls that are wrong end in an error that names the argument, soon, and change nothing; calls whose arguments run code of
// the caller's in between change nothing that is not theirs.
import assert from 'node:assert';
import { Script } from 'node:vm';
import { suite } from 'uvu';
import { AttentionError, createAttention } from '../web/index.js';
import { ReadInVain } from './generate/bad_values.js';
import { invalidCalls } from './generate/invalid_calls.js';
import { publicCalls } from './generate/public_calls.js';
import { Watch } from './generate/watch.js';

const test = suite('invalid calls');
const MOST_MS = 1000;
/** Calls after which caches are read. */
const DEEP = 100;
const script = new Script('runWatched()');

/** Runs `body` and stops it, wherever it is, after a second. */
function within(body) {
  globalThis.runWatched = body;
  try {
    return { value: script.runInThisContext({ timeout: MOST_MS }) };
  } catch (error) {
    return { error, isLate: error?.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT' };
  } finally {
    delete globalThis.runWatched;
  }
}

/** Two instances with tensors, states and caches in them, every good call and every spoilt one; `watch` notices changes. */
async function openWorld() {
  const [attention, foreign] = await Promise.all([createAttention({ build: 'simd' }), createAttention({ build: 'simd' })]);
  const [kept, keptForeign] = [[], []];
  const into = (list) => (object) => {
    list.push(object);
    return object;
  };
  const calls = publicCalls(attention, into(kept));
  const cases = invalidCalls(attention, foreign, into(kept), into(keptForeign), calls);
  const outs = calls.map(({ options }) => options?.out).filter(ArrayBuffer.isView);
  const count = kept.length;
  const watch = () => new Watch([...kept.map((object) => [attention, object]), ...keptForeign.map((object) => [foreign, object]), ...outs.map((out) => [attention, out])]);
  return {
    cases,
    watch,
    /** Disposes of what a call made that should have been refused. */
    drop: () => kept.splice(count).forEach((object) => object?.dispose?.()),
    close() {
      attention.dispose();
      foreign.dispose();
    },
  };
}

const names = (message, slot) => new RegExp(`(^|\\W)${slot}(\\W|$)`).test(message) || (slot === 'bytes' && /state/.test(message));
const isOurs = (error) => [TypeError, RangeError, AttentionError].includes(error?.constructor);

/** Faults by what went wrong, each with the first calls that show it. */
class Faults {
  #kinds = new Map();
  count = 0;

  add(kind, call) {
    this.count++;
    if (!this.#kinds.has(kind)) this.#kinds.set(kind, []);
    this.#kinds.get(kind).push(call);
  }

  get text() {
    return [...this.#kinds].map(([kind, calls]) => `${kind} (${calls.length})\n${calls.slice(0, 40).map((call) => `  ${call}`).join('\n')}`).join('\n');
  }
}

test('every spoilt argument is refused by name, soon, and nothing changes', async () => {
  const faults = new Faults();
  let world = await openWorld();
  let watch = world.watch();
  const { length } = world.cases;
  for (let i = 0; i < length; i++) {
    const { title, slot, label, make, call } = world.cases[i];
    const what = `${title}: ${slot} is ${label}`;
    const { error, isLate } = within(() => call(...make()));
    world.drop();
    const change = watch.change(i % DEEP === 0 || i === length - 1);
    if (isLate) faults.add('takes more than a second', what);
    else if (error instanceof ReadInVain) faults.add('reads a list that is far too long', what);
    else if (error === undefined) faults.add('is not refused', what);
    else if (!isOurs(error)) faults.add('throws something else', `${what}: ${String(error?.stack ?? error).slice(0, 200)}`);
    else if (!names(error.message, slot)) faults.add('does not name the argument', `${what}: ${error.name}: ${error.message.slice(0, 160)}`);
    else if (change) faults.add('changes something', `${what}: ${change}${i % DEEP === 0 ? `, or one of the ${DEEP} calls before` : ''}`);
    if (isLate || change?.startsWith('something')) {
      world.close();
      world = await openWorld();
    }
    if (isLate || change) watch = world.watch();
  }
  world.close();
  console.log(`\n${length} invalid calls, ${faults.count} of them not refused as they should be`);
  assert.ok(length >= 2000);
  if (faults.count > 0) throw new Error(`${faults.count} of ${length} calls:\n${faults.text}`);
});

test.run();
