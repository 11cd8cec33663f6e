// Calls that are wrong end in an error that names the argument, soon, and change nothing; calls whose arguments run code of
// the caller's in between change nothing that is not theirs.
import assert from 'node:assert';
import { Script } from 'node:vm';
import { suite } from 'uvu';
import { AttentionError, createAttention } from '../web/learn.js';
import { ReadInVain } from './generate/bad_values.js';
import { bystanders, hostileCalls } from './generate/hostile_calls.js';
import { invalidCalls } from './generate/invalid_calls.js';
import { learnCalls } from './generate/learn_calls.js';
import { numbersOf, publicCalls } from './generate/public_calls.js';
import { Watch } from './generate/watch.js';
import { usedBytes } from './suites/harness.js';
import { mulberry32 } from './util.js';

const test = suite('invalid calls');

/** Of every entry: an instance that can learn takes them all. */
const everyCall = (...world) => [...publicCalls(...world), ...learnCalls(...world)];
const MOST_MS = 1000;
/** Calls after which caches are read. */
const DEEP = 100;
/** Calls that run code of the caller's, drawn from all that are listed. */
const HOSTILE = 1000;
const script = new Script('runWatched()');

/** Runs `body` and stops it, wherever it is, when it takes far longer than it should. */
function within(body) {
  globalThis.runWatched = body;
  try {
    return { value: script.runInThisContext({ timeout: 5 * MOST_MS }) };
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
  const calls = everyCall(attention, into(kept));
  const cases = invalidCalls(attention, foreign, into(kept), into(keptForeign), calls);
  const outs = calls.map(({ options }) => options?.out).filter(ArrayBuffer.isView);
  const count = kept.length;
  const look = () => new Watch([...kept.map((object) => [attention, object]), ...keptForeign.map((object) => [foreign, object]), ...outs.map((out) => [attention, out])]);
  return {
    cases,
    look,
    watch: look(),
    /** Disposes of what a call made that should have been refused. */
    drop: () => kept.splice(count).forEach((object) => object?.dispose?.()),
    close() {
      attention.dispose();
      foreign.dispose();
    },
  };
}

/** Whether the message has the argument's name; of a file it may speak as a state, and of sizes that are right it says that they are too much. */
const names = ({ message, code }, slot) => new RegExp(`(^|\\W)${slot}(\\W|$)`).test(message) || (slot === 'bytes' && /state/.test(message)) || (slot === 'shape' && code === 'out-of-memory');
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
    return [...this.#kinds].map(([kind, calls]) => `${kind} (${calls.length})\n${calls.slice(0, 12).map((call) => `  ${call}`).join('\n')}`).join('\n');
  }
}

/** Makes the spoilt call number i and judges it. Returns whether the world can be used further. */
function judge(world, i, faults) {
  const { title, slot, label, make, call } = world.cases[i];
  const what = `${title}: ${slot} is ${label}`;
  const started = performance.now();
  let error;
  try {
    call(...make());
  } catch (thrown) {
    error = thrown;
  }
  const ms = performance.now() - started;
  world.drop();
  const deep = i % DEEP === 0 || i === world.cases.length - 1;
  const change = world.watch.change(deep);
  if (ms > MOST_MS) faults.add('takes more than a second', what);
  else if (error instanceof ReadInVain) faults.add('reads a list that is far too long', what);
  else if (error === undefined) faults.add('is not refused', what);
  else if (!isOurs(error)) faults.add('throws something else', `${what}: ${String(error?.stack ?? error).slice(0, 200)}`);
  else if (!names(error, slot)) faults.add('does not name the argument', `${what}: ${error.name}: ${error.message.slice(0, 160)}`);
  else if (change) faults.add('changes something', `${what}: ${change}${deep ? `, or one of the ${DEEP} calls before` : ''}`);
  if (change?.startsWith('something')) return false;
  if (change) world.watch = world.look();
  return true;
}

test('every spoilt argument is refused by name, soon, and nothing changes', async () => {
  const faults = new Faults();
  let world = await openWorld();
  const { length } = world.cases;
  let next = 0;
  while (next < length) {
    // A watchdog for each call would cost more than the call.
    const { value: isUsable, error, isLate } = within(() => {
      for (const end = Math.min(next + DEEP, length); next < end; next++) if (!judge(world, next, faults)) return false;
      return true;
    });
    if (isLate) faults.add('takes more than a second', `${world.cases[next].title}: ${world.cases[next].slot} is ${world.cases[next].label}`);
    else if (error) throw error;
    if (isUsable) continue;
    next++;
    world.close();
    world = await openWorld();
  }
  world.close();
  console.log(`\n${length} invalid calls, ${faults.count} of them not refused as they should be`);
  assert.ok(length >= 2000);
  if (faults.count > 0) throw new Error(`${faults.count} of ${length} calls:\n${faults.text}`);
});

/** An instance for calls that run code of the caller's, and what no call has anything to do with. */
async function openArena() {
  const attention = await createAttention({ build: 'simd' });
  const others = bystanders(attention, (object) => object);
  return { attention, others, held: usedBytes(attention), watch: () => new Watch(others.map((object) => [attention, object])) };
}

/** What a call of this title gives when nobody interferes. */
function plainNumbers(attention, title) {
  const kept = [];
  const one = everyCall(attention, (object) => (kept.push(object), object)).find((call) => call.title === title);
  const numbers = JSON.stringify(numbersOf(one.call(one.values, one.options)));
  kept.reverse().forEach((object) => object.dispose());
  return numbers;
}

/** Runs one call; returns what is wrong, or null. */
function runHostile({ attention, held, watch }, { title, open }, expected) {
  const kept = [];
  const keep = (object) => {
    kept.push(object);
    return object;
  };
  const opened = open(attention, keep);
  const { run, victims, live, changes } = opened ?? {};
  let wrong = null;
  if (opened) {
    const others = watch();
    const own = new Watch(live.map((object) => [attention, object]));
    const { value, error, isLate } = within(run);
    const touched = others.withoutMemory(true);
    if (isLate) wrong = 'takes more than a second';
    else if (touched) wrong = `changes ${touched} that it has nothing to do with`;
    else if (!victims.areWhole) wrong = 'writes into a tensor that took the place of what was disposed of';
    else if (error && !isOurs(error)) wrong = `throws something else: ${String(error.stack ?? error).slice(0, 300)}`;
    else if (error && own.withoutMemory(true)) wrong = 'throws and has changed its state or cache';
    else if (error && error.code === 'internal') wrong = `${error.message}`;
    else if (!error && !changes && JSON.stringify(numbersOf(value)) !== expected(title)) wrong = 'gives other numbers';
    if (isLate) return wrong;
    if (value?.dispose && !kept.includes(value)) keep(value);
    victims.dispose();
  }
  kept.reverse().forEach((object) => object?.dispose?.());
  if (!wrong && usedBytes(attention) !== held) wrong = `leaks ${usedBytes(attention) - held} bytes`;
  return wrong;
}

test('arguments that run code of the caller\'s: nothing changes but what is theirs, and results are right', async () => {
  const faults = new Faults();
  let arena = await openArena();
  const kept = [];
  const listed = everyCall(arena.attention, (object) => (kept.push(object), object));
  kept.reverse().forEach((object) => object.dispose());
  const all = hostileCalls(listed, everyCall);
  const uniform = mulberry32(5);
  const chosen = all.map((one) => [uniform(), one]).sort(([a], [b]) => a - b).slice(0, HOSTILE).map(([, one]) => one);
  const plain = new Map();
  const expected = (title) => plain.get(title) ?? plain.set(title, plainNumbers(arena.attention, title)).get(title);
  for (const one of chosen) {
    const wrong = runHostile(arena, one, expected);
    if (wrong) faults.add(wrong, `${one.title}: ${one.label}`);
    // Memory that grew stays large.
    else if (!one.grows) continue;
    arena.attention.dispose();
    arena = await openArena();
  }
  arena.attention.dispose();
  console.log(`\n${chosen.length} of ${all.length} calls that run code of the caller's, ${faults.count} of them wrong`);
  if (faults.count > 0) throw new Error(`${faults.count} of ${chosen.length} calls:\n${faults.text}`);
});

test.run();
