// The n-th allocation of every public call fails, for every n: the call says out-of-memory, changes and leaks nothing, and
// gives its bits when it is made again. In C by a module whose allocator can be told to fail, in JavaScript by typed arrays.
import assert from 'node:assert';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { suite } from 'uvu';
import { AttentionError } from '../web/index.js';
import { withFailingArrays } from './generate/fail_arrays.js';
import { learnCalls } from './generate/learn_calls.js';
import { describeLive, dividedCalls, numbersOf, publicCalls } from './generate/public_calls.js';
import { usedBytes } from './suites/harness.js';
import { createFrom } from './threaded.js';

const test = suite('failing allocations');
const threads = ['-matomics', '-mbulk-memory', '-mmutable-globals', '-sIMPORTED_MEMORY', '-Wl,--shared-memory', ...['__stack_pointer', '__wasm_init_tls', '__tls_size', '__tls_align'].map((name) => `-Wl,--export=${name}`)];
const flags = ['-DLA_FAIL_ALLOC', '-O1', '-Wall', '-Wextra', '-Werror', '-ffp-contract=off', '-msimd128', '--no-entry', '-sSTANDALONE_WASM', '-sMALLOC=emmalloc', '-sALLOW_MEMORY_GROWTH', '-sMAXIMUM_MEMORY=4GB', '-sEXPORTED_FUNCTIONS=_malloc,_free', ...threads];
let folder;
let bytes;

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fail-alloc-'));
  const wasm = join(folder, 'fail.wasm');
  await promisify(execFile)('sh', ['-c', `emcc -Isrc src/*/*.c ${flags.join(' ')} -o ${wasm}`], { cwd: fileURLToPath(new URL('..', import.meta.url)) });
  bytes = await readFile(wasm);
});
test.after(() => rm(folder, { recursive: true }));

/** Ways to make allocation n fail: (exports, n, body) → { failed, error }. */
const FAILURES = {
  C(exports, n, body) {
    exports.la_fail_alloc(n);
    try {
      body();
      return { failed: exports.la_fail_alloc(-1) < 0 };
    } catch (error) {
      return { failed: exports.la_fail_alloc(-1) < 0, error };
    }
  },
  JavaScript: (_, n, body) => withFailingArrays(n, body),
};

function check(condition, faults, what) {
  if (!condition) faults.push(what);
}

/** Makes call `title` with allocation n failing. Returns whether there was such an allocation. */
function failOnce({ attention, exports }, { make, title }, n, fail, faults) {
  const kept = [];
  const keep = (object) => {
    kept.push(object);
    return object;
  };
  // What a call makes by name, it makes once for every dim.
  const setUp = () => make(attention, keep, 5 + n, title).find((one) => one.title === title);
  const tearDown = () => kept.splice(0).reverse().forEach((object) => object.dispose());
  const held = usedBytes(attention);
  const { call, values, options, live } = setUp();
  const watched = [...live, ...kept.filter((object) => object.shape || object.featureMap || object.maxLength), ...(options?.out ? [options.out] : [])];
  const describe = () => watched.map((object) => describeLive(attention, object)).join('\n');
  const [before, memory] = [describe(), usedBytes(attention)];
  const { failed, error } = fail(exports, n, () => call(values, options));
  if (failed) {
    const what = `${title}, allocation ${n}`;
    check(error instanceof AttentionError && error.code === 'out-of-memory', faults, `${what}: ${error ? `${error.name} ${error.code ?? ''}: ${error.message}` : 'nothing was thrown'}`);
    check(usedBytes(attention) === memory, faults, `${what}: ${usedBytes(attention) - memory} bytes leaked`);
    check(describe() === before, faults, `${what}: a state, cache, tensor or out was changed`);
    if (error) {
      const again = numbersOf(call(values, options));
      tearDown();
      const fresh = setUp();
      check(JSON.stringify(again) === JSON.stringify(numbersOf(fresh.call(fresh.values, fresh.options))), faults, `${what}: the next call gives other numbers`);
    }
  }
  tearDown();
  check(usedBytes(attention) === held, faults, `${title}, allocation ${n}: ${usedBytes(attention) - held} bytes in use at the end`);
  return failed;
}

for (const count of [1, 3]) {
  for (const [language, fail] of Object.entries(FAILURES)) {
    test(`${language}, ${count} thread${count > 1 ? 's' : ''}`, async () => {
      const faults = [];
      let [calls, failures] = [0, 0];
      const listing = await createFrom(bytes, 1);
      const listed = [publicCalls, learnCalls, dividedCalls].flatMap((make) => make(listing.attention, (object) => object).map(({ title }) => ({ make, title })));
      listing.attention.dispose();
      // Threads take their time to start.
      const shared = count > 1 ? await createFrom(bytes, count) : null;
      for (const one of listed) {
        const instance = shared ?? (await createFrom(bytes, count));
        calls++;
        let n = 0;
        while (failOnce(instance, one, n, fail, faults)) n++;
        failures += n;
        if (!shared) instance.attention.dispose();
      }
      shared?.attention.dispose();
      console.log(`\n${language}, ${count} threads: ${failures} allocations of ${calls} calls failed`);
      if (faults.length > 0) throw new Error(`${faults.length} faults:\n${faults.slice(0, 60).join('\n')}`);
    });
  }
}

test('C, making an instance', async () => {
  for (const count of [1, 3]) {
    for (let n = 0, failed = true; failed; n++) {
      let exports;
      try {
        const { attention } = await createFrom(bytes, count, (made) => {
          exports = made;
          made.la_fail_alloc(n);
        });
        failed = exports.la_fail_alloc(-1) < 0;
        attention.dispose();
        assert.ok(!failed, `${count} threads: allocation ${n} failed, and the instance was made all the same`);
      } catch (error) {
        assert.equal(error.code, 'out-of-memory', error.stack);
      }
    }
  }
});

test.run();
