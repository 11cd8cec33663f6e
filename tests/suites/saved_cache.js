/** A cache's save and restoreCache: every bit comes back, on any instance and build, and damaged bytes are refused. */
import assert from 'node:assert';
import { forge, openSaved, reseal, sectionOf } from '../saved_file.js';
import { assertClose, assertSame } from '../tolerance.js';
import { gaussian, inputs, mulberry32, sliceTime } from '../util.js';
import { attentionSuite, throwsCode, throwsKind } from './harness.js';

const SIZES = { batch: 3, heads: 2, dim: 6, valueDim: 5 };
const LENGTHS = [150, 12, 0];

/** A cache whose rows have seen LENGTHS tokens, the first in two calls. */
function filled(attention, rest) {
  const cache = attention.cache({ ...SIZES, maxLength: 200, ...rest });
  const tokens = Object.values(inputs({ ...SIZES, T: 150, make: gaussian }));
  attention.softmax(...tokens.map((x) => sliceTime(x, 0, 100)), { causal: true, cache, lengths: LENGTHS.map((length) => Math.min(length, 100)) });
  attention.softmax(...tokens.map((x) => sliceTime(x, 100, 150)), { causal: true, cache, lengths: LENGTHS.map((length) => Math.max(0, length - 100)) });
  return cache;
}

const KINDS = { plain: {}, window: { window: 9, sinks: 3 }, 'window without an end': { maxLength: undefined, window: 40 } };

export function savedCache(name, make, makeOther = make) {
  const test = attentionSuite(name, make);
  const next = () => Object.values(inputs({ ...SIZES, T: 30, seed: 9, make: gaussian }));

  for (const [kind, rest] of Object.entries(KINDS)) {
    test(`restores every bit: ${kind}`, async (attention, keep) => {
      const held = keep(filled(attention, rest));
      const bytes = held.save();
      assert.equal(bytes.constructor, Uint8Array);
      const other = await makeOther();
      for (const instance of [attention, other]) {
        const restored = keep(instance.restoreCache(bytes));
        for (const key of ['batch', 'heads', 'dim', 'valueDim', 'maxLength', 'window', 'sinks', 'length', 'lengths', 'bytes']) assert.deepEqual(restored[key], held[key], key);
        assert.deepEqual(restored.save(), bytes);
        const copy = keep(held.clone());
        const [actual, expected] = [instance.softmax(...next(), { causal: true, cache: restored }), attention.softmax(...next(), { causal: true, cache: copy })];
        if (instance.build === attention.build) assertSame(actual, expected);
        else assertClose(actual, expected, { rule: 'softmax' });
      }
      other.dispose();
    });
  }

  test('bytes are as small as what is held, and may lie anywhere', (attention, keep) => {
    const empty = keep(attention.cache({ ...SIZES, maxLength: 100_000 }));
    assert.ok(empty.save().length < 1000);
    const held = keep(filled(attention));
    const bytes = held.save();
    for (const offset of [1, 3]) {
      const shifted = new Uint8Array(bytes.length + offset).subarray(offset);
      shifted.set(bytes);
      const restored = keep(attention.restoreCache(shifted));
      shifted.fill(255);
      assert.deepEqual(restored.save(), bytes);
    }
    // What lies behind a row's last token is not saved.
    const again = keep(filled(attention));
    again.reset([0]);
    attention.softmax(...next().map((x) => sliceTime(x, 0, 2)), { cache: again, lengths: [2, 0, 0] });
    const few = keep(attention.cache({ ...SIZES, maxLength: 200 }));
    few.copyFrom(again);
    assert.deepEqual(few.save(), again.save());
  });

  test('what is no saved cache is refused', (attention, keep) => {
    const bytes = keep(filled(attention)).save();
    const windowed = keep(filled(attention, KINDS.window)).save();
    const state = keep(attention.state({ heads: 1, dim: 3 })).save();
    const change = (f, from = bytes) => forge(from, f);
    const cacheOf = (f, from) => change(({ header }) => f(header.cache), from);
    const probe = keep(attention.tensor([1]));
    const grown = probe.data.buffer.byteLength;
    for (const [what, wrong] of Object.entries({
      'a saved state': state,
      empty: new Uint8Array(0),
      'cut off': bytes.slice(0, -9),
      'a flipped bit': bytes.map((byte, i) => (i === bytes.length - 100 ? byte ^ 1 : byte)),
      'another version': reseal(bytes.map((byte, i) => (i === 7 ? 4 : byte))),
      'an old version': reseal(bytes.map((byte, i) => (i === 7 ? 2 : byte))),
      'no cache': change(({ header }) => delete header.cache),
      'a field more': change(({ header }) => (header.more = 1)),
      'an option more': cacheOf((cache) => (cache.more = 1)),
      'an option less': cacheOf((cache) => delete cache.sinks),
      'another batch': cacheOf((cache) => (cache.batch = 4)),
      'a huge batch': cacheOf((cache) => (cache.batch = 2 ** 31 - 1)),
      'other heads': cacheOf((cache) => (cache.heads = 3)),
      'another dim': cacheOf((cache) => (cache.dim = 7)),
      'a dim too large': cacheOf((cache) => (cache.dim = 1025)),
      'a maxLength too small': cacheOf((cache) => (cache.maxLength = 149)),
      'a window where nothing was dropped, but more than it holds': cacheOf((cache) => Object.assign(cache, { window: 1, sinks: 0 })),
      'sinks without window': cacheOf((cache) => (cache.sinks = 1)),
      'no window where something was dropped': cacheOf((cache) => Object.assign(cache, { window: null, sinks: 0 }), windowed),
      'a larger window where something was dropped': cacheOf((cache) => (cache.window = 140), windowed),
      'a length of half a token': change((file) => (sectionOf(file, 'lengths')[0] = 149.5)),
      'a negative length': change((file) => (sectionOf(file, 'lengths')[2] = -1)),
      'another length': change((file) => (sectionOf(file, 'lengths')[0] = 151)),
      'a negative gap': change((file) => (sectionOf(file, 'gaps')[2] = -1)),
      'a gap too large': change((file) => (sectionOf(file, 'gaps')[0] += 1), windowed),
      'lengths as keys': change(({ header }) => (header.sections.find((section) => section.name === 'keys').name = 'other')),
    })) throwsCode(() => attention.restoreCache(wrong), 'corrupt-state', what);
    throwsCode(() => attention.restore(bytes), 'corrupt-state', 'a cache as a state');
    for (const wrong of [null, [...bytes], bytes.buffer, 'bytes']) throwsKind(() => attention.restoreCache(wrong), TypeError, /bytes must be a Uint8Array/);
    assert.equal(probe.data.buffer.byteLength, grown, 'memory grew');
  });

  test('damaged files are refused or make a cache that works, and nothing is left', (attention, keep) => {
    const uniform = mulberry32(12);
    const files = Object.values(KINDS).map((rest) => keep(filled(attention, rest)).save());
    const used = attention.memory;
    const values = [0, -1, 0.5, 1, 2, 3, 8, 255, 65536, 2 ** 31, 2 ** 53, null, '3', [], {}, 'F64'];
    let restored = 0;
    for (let i = 0; i < 600; i++) {
      const file = openSaved(files[i % 3]);
      let [place, key] = [file.header, 'cache'];
      if (i % 2 === 0) {
        do {
          place = place[key] ?? place;
          const keys = Object.keys(place);
          key = keys[Math.floor(uniform() * keys.length)];
        } while (place[key] !== null && typeof place[key] === 'object' && uniform() < 0.9 && Object.keys(place[key]).length > 0);
      }
      const damaged = i % 2 === 0
        ? forge(files[i % 3], ({ header }) => Object.assign(header, file.header, { cache: { ...file.header.cache, [key]: values[Math.floor(uniform() * values.length)] } }))
        : reseal(files[i % 3].map((byte) => (uniform() < 3 / files[i % 3].length ? byte ^ (1 << Math.floor(uniform() * 8)) : byte)));
      try {
        const cache = attention.restoreCache(damaged);
        attention.softmax(...[cache.dim, cache.dim, cache.valueDim].map((width) => ({ data: new Float32Array(cache.batch * cache.heads * width), shape: [cache.batch, cache.heads, 1, width] })), { causal: true, cache });
        cache.dispose();
        restored++;
      } catch (error) {
        assert.ok(['corrupt-state', 'cache-full', 'out-of-memory'].includes(error.code), `file ${i}: ${error.stack}`);
        assert.ok(error.message.length < 500, `file ${i}: a message of ${error.message.length} characters`);
      }
      assert.equal(attention.memory, used, `file ${i}: bytes still in use`);
    }
    assert.ok(restored > 50, `${restored} restored`);
  });

  test.run();
}
