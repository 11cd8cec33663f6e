/** restore() of bytes that somebody forged under a right checksum: refused, before they cost memory or time. */
import assert from 'node:assert';
import { readFileSync } from 'node:fs';
import { createAttention } from '../web/index.js';
import { fillSavedCase, savedCases } from './saved_cases.js';
import { forge, openSaved, reseal, sectionOf } from './saved_file.js';
import { attentionSuite, throwsCode } from './suites/harness.js';
import { assertSame } from './tolerance.js';
import { gaussian, mulberry32 } from './util.js';

const test = attentionSuite('hostile saved states', () => createAttention({ build: 'simd' }));

const fixture = (name) => new Uint8Array(readFileSync(new URL(`./golden/saved-0.1.0/${name}.bin`, import.meta.url)));

/** The bytes of a state with this map, which are all that is left of both. */
function saved(attention, [mapName, mapOptions], options) {
  const map = attention.featureMap(mapName, mapOptions);
  const state = attention.state({ dim: map.dim, featureMap: map, ...options });
  const bytes = state.save();
  for (const one of [state, map]) one.dispose();
  return bytes;
}

/** Bytes of layout 2 with this text of the map and these of its eight numbers. */
function oldFile(text, numbers, floats = 0) {
  const map = new TextEncoder().encode(JSON.stringify(text));
  const bytes = new Uint8Array(76 + 4 + map.length + floats * 4 + 4);
  bytes.set(new TextEncoder().encode('LASTATE\u0002'));
  const view = new DataView(bytes.buffer);
  numbers.forEach((number, i) => view.setFloat64(8 + i * 8, number, true));
  view.setUint32(72, 4 + map.length, true);
  view.setUint32(76, map.length, true);
  bytes.set(map, 80);
  return reseal(bytes);
}

/** Every one of these files is refused without a growth of the module's memory, and together within seconds of the processor. */
function refuseCheaply(attention, keep, files) {
  const probe = keep(attention.tensor([1]));
  const size = () => probe.data.buffer.byteLength;
  const [grown, used, start] = [size(), attention.memory, process.cpuUsage()];
  for (const [what, bytes] of Object.entries(files)) {
    throwsCode(() => attention.restore(bytes), 'corrupt-state', what);
    assert.equal(size(), grown, `${what}: memory grew`);
    assert.equal(attention.memory, used, `${what}: bytes still in use`);
  }
  const { user, system } = process.cpuUsage(start);
  assert.ok(user + system < 5e6, `${user + system} µs`);
}

const options = { seed: 1, features: 65536, orthogonal: true, hyperbolic: false, normTerm: true, epsilon: 0 };
const huge = { name: 'favor', dim: 256, heads: 1, options };

test('sizes that the bytes do not bear out are refused before a map is drawn', (attention, keep) => {
  const small = saved(attention, ['favor', { dim: 256, features: 4 }], { heads: 1, valueDim: 1 });
  const numbers = (heads, batch = 1) => [batch, heads, 256, 1, 1, 1, 1e-6, 0];
  const map = (change) => forge(small, ({ header }) => change(header.map, header.state));
  refuseCheaply(attention, keep, {
    'layout 2, a large map': oldFile({ ...huge, shapes: {} }, numbers(1)),
    'layout 2, a large map a head': oldFile({ ...huge, heads: 65536, shapes: {} }, numbers(65536)),
    'layout 2, a large map, some floats': oldFile({ ...huge, shapes: {} }, numbers(1), 9),
    'layout 2, a large batch': oldFile({ name: 'elu', dim: 256, heads: 1, options: {}, shapes: {} }, numbers(1, 2 ** 31 - 1)),
    'layout 2, a large batch of tiny values': oldFile({ name: 'elu', dim: 256, heads: 1, options: {}, shapes: {} }, [2 ** 40, 1, 256, 2 ** -40, 0, 1, 0, 0], 256),
    'layout 2, weights of many empty heads': oldFile({ name: 'learned', dim: 256, heads: 1, options: {}, shapes: { weights: [2 ** 31 - 1, 256, 0] } }, numbers(1), 9),
    'a large map': map((fields) => (fields.options.features = 65536)),
    'a large map that says so': map((fields) => (fields.features = fields.options.features = 65536)),
    'a large map a head': map((fields, state) => {
      fields.features = fields.options.features = 65536;
      fields.heads = state.heads = 65536;
    }),
    'weights for many heads': map((fields) => (fields.heads = 65536)),
    'a large state': forge(small, ({ header }) => {
      header.map.features = header.map.options.features = 65536;
      header.sections.find(({ name }) => name === 'state').shape = [1, 1, 4_000_000];
    }),
    'a state that is too large for any block': forge(small, (file) => {
      const { header } = file;
      header.map.features = header.map.options.features = 65536;
      header.state.valueDim = 8192;
      const [state, lengths] = header.sections;
      file.payload = file.payload.slice(lengths.offset);
      Object.assign(state, { shape: [1, 1, 0], bytes: 0 });
      lengths.offset = 0;
    }),
    'a large batch': forge(small, ({ header }) => (header.state.batch = 2 ** 31 - 1)),
    'weights of many empty heads': forge(small, ({ header }) => {
      header.map = { name: 'learned', dim: 256, heads: 1, features: 4, options: {} };
      header.sections.push({ name: 'map.weights', dtype: 'F32', shape: [2 ** 31 - 1, 256, 0], offset: header.sections.reduce((end, { bytes }) => end + Math.ceil(bytes / 8) * 8, 0), bytes: 0, required: true });
    }),
  });
});

test('a random map is drawn only when the rest of the file is right', (attention, keep) => {
  const bytes = saved(attention, ['favor', { dim: 4, features: 16384 }], { heads: 1, valueDim: 1 });
  // The file bears the features out, so that only what is wrong elsewhere can refuse it before 16 MB of rows are drawn.
  const widened = (change) =>
    forge(bytes, (file) => {
      file.header.state.dim = file.header.map.dim = 256;
      change(file.header.state, file.header, file);
    });
  refuseCheaply(attention, keep, {
    'a negative eps': widened((fields) => (fields.eps = -1)),
    'no scale': widened((fields) => (fields.scale = null)),
    'a valueDim too many': widened((fields) => (fields.valueDim = 8193)),
    'another valueDim': widened((fields) => (fields.valueDim = 9)),
    'a map for other vectors': widened((fields) => (fields.dim = 255)),
    'a map for other heads': widened((_, header) => (header.map.heads = 65536)),
    'a length of −1': widened((_, header, { payload }) => new Float64Array(payload.buffer, header.sections.find(({ name }) => name === 'lengths').offset).fill(-1)),
    'no state': widened((_, header) => (header.sections.find(({ name }) => name === 'state').name = 'other')),
    'a section that nobody knows': widened((_, header) => header.sections.push({ name: 'other', dtype: 'F32', shape: [0], offset: header.sections.reduce((end, { bytes }) => end + bytes, 0), bytes: 0, required: true })),
  });
  const before = attention.memory;
  keep(attention.restore(widened(() => {})));
  assert.ok(attention.memory - before > 2 ** 24, 'this test needs a map that is drawn');
});

const numbersToTry = [0, -1, 0.5, 1, 2, 3, 4, 8, 255, 65536, 2 ** 31, 2 ** 53, 1e300, null, '3', true];
const pick = (uniform, list) => list[Math.floor(uniform() * list.length)];

/** Damage without regard to what the bytes mean; the first 8 stay, or nothing behind them would be read. */
function damageBytes(uniform, bytes) {
  const at = () => 8 + Math.floor(uniform() * (bytes.length - 12));
  const copy = bytes.slice();
  for (let i = Math.floor(uniform() * 4); i >= 0; i--) {
    const place = at();
    const kind = uniform();
    if (kind < 0.4) copy[place] ^= 1 << Math.floor(uniform() * 8);
    else if (kind < 0.6) copy[place] = pick(uniform, [0, 1, 0x30, 0x39, 0x5b, 0x7f, 0x80, 0xff]);
    else if (kind < 0.8) copy[place] = copy[at()];
    else copy.copyWithin(place, at(), at());
  }
  return reseal(uniform() < 0.1 ? copy.slice(0, at()) : copy);
}

/** Another value, or none, somewhere in the header. */
function damageHeader(uniform, bytes) {
  return forge(bytes, ({ header }) => {
    let place = header;
    for (;;) {
      const key = pick(uniform, Object.keys(place));
      const inside = place[key] !== null && typeof place[key] === 'object' && Object.keys(place[key]).length > 0;
      if (inside && uniform() < 0.9) place = place[key];
      else {
        if (uniform() < 0.1) delete place[key];
        else place[key] = uniform() < 0.7 ? pick(uniform, numbersToTry) : pick(uniform, [[], {}, 'S', 'elu', 'favor', 'map.weights', 'F64', [2 ** 31, 0]]);
        return;
      }
    }
  });
}

test('8,000 damaged files: a state or corrupt-state, and nothing is left', (attention, keep) => {
  const uniform = mulberry32(12);
  const probe = keep(attention.tensor([1]));
  const names = Object.keys(savedCases);
  const files = names.map((name) => {
    const { state, map } = fillSavedCase(attention, savedCases[name]);
    const bytes = state.save();
    for (const one of [state, map]) one.dispose();
    return bytes;
  });
  const old = names.map(fixture);
  const damages = [() => damageHeader(uniform, pick(uniform, files)), () => damageBytes(uniform, pick(uniform, files)), () => damageBytes(uniform, pick(uniform, old))];
  const [used, grown, start] = [attention.memory, probe.data.buffer.byteLength, performance.now()];
  let restored = 0;
  for (let i = 0; i < 8000; i++) {
    const bytes = damages[i % damages.length]();
    try {
      attention.restore(bytes).dispose();
      restored++;
    } catch (error) {
      assert.equal(error.code, 'corrupt-state', `file ${i}: ${error.stack}`);
      assert.ok(error.message.length < 500, `file ${i}: a message of ${error.message.length} characters`);
    }
    assert.equal(attention.memory, used, `file ${i}: bytes still in use`);
  }
  // Damage to numbers of S and the like makes another state, which is as good as the first.
  assert.ok(restored > 500 && restored < 6000, `${restored} restored`);
  assert.equal(probe.data.buffer.byteLength, grown, 'memory grew');
  assert.ok(performance.now() - start < 30_000, `${performance.now() - start} ms`);
});

/** What a block never holds by itself: numbers that are none, counts, powers and exponents beyond all bounds. */
const NEVER = [NaN, Infinity, -Infinity, 1e30, -1e30, 3e38, 1e9, -1e9, 17, 16, 15.5, 1, 0.5, -1, 2 ** 31, 1e-45, -0];

test('whatever numbers a block holds, calls end, and write nowhere else', (attention, keep) => {
  const uniform = mulberry32(7);
  const tokens = (seed) => [[2, 2, 3], [2, 2, 3], [2, 2, 5]].map((shape, i) => gaussian(shape, seed + i));
  const whole = (seed, length) => [3, 3, 5].map((width, i) => gaussian([2, 2, length, width], seed + i));
  const files = Object.entries({ ...savedCases, ratio: { map: ['relu', {}], state: { eps: 0 } } }).map(([name, one]) => {
    const { state, map } = fillSavedCase(attention, one);
    if (name === 'ratio') attention.linear(...whole(5, 7), { causal: true, decay: -60, state });
    state.step(...tokens(1), ['elu', 'cosformer'].includes(name) ? { decay: -0.3 } : {});
    const bytes = state.save();
    for (const one of [state, map]) one.dispose();
    return bytes;
  });
  const start = performance.now();
  for (let i = 0; i < 1200; i++) {
    const before = keep(attention.tensor([4096], new Float32Array(4096).fill(1)));
    const forged = forge(files[i % files.length], (file) => {
      const floats = sectionOf(file, 'state');
      const count = uniform() < 0.2 ? floats.length : 1 + Math.floor(uniform() ** 3 * 40);
      // The first numbers of a head are what the core counts by.
      for (let n = 0; n < count; n++) floats[uniform() < 0.5 ? Math.floor(uniform() * 4) * (floats.length / 4) + Math.floor(uniform() * 16) : Math.floor(uniform() * floats.length)] = pick(uniform, NEVER);
    });
    const state = attention.restore(forged);
    const after = keep(attention.tensor([4096], new Float32Array(4096).fill(1)));
    const copy = state.clone();
    const calls = [
      () => state.data.length + (state.keySum?.length ?? 0),
      () => state.step(...tokens(i)),
      () => state.step(...tokens(i), { decay: -1 }),
      () => state.step(...tokens(i), { decay: -1, beta: 0.5 }),
      () => attention.linear(...whole(i, 20), { causal: true, state }),
      () => attention.linear(...whole(i, 9), { state }),
      () => attention.linear(...whole(i, 5), { decay: -0.5, state, keyLengths: [0, 3] }),
      () => state.save().length,
    ];
    for (let n = 0; n < 4; n++) if (state.featureMap.name !== 'cosformer' || state.length < 20) pick(uniform, calls)();
    calls[0]();
    assertSame(copy.save(), forged);
    for (const one of [state, copy]) one.dispose();
    for (const { data } of [before, after]) assert.ok(data.every((x) => x === 1), `file ${i} wrote elsewhere`);
    for (const one of [before, after]) one.dispose();
  }
  assert.ok(performance.now() - start < 20_000, `${performance.now() - start} ms`);
});

test('what the forged files are made from is restored', (attention, keep) => {
  const bytes = saved(attention, ['favor', { dim: 256, features: 4 }], { heads: 1, valueDim: 1 });
  assert.deepEqual(keep(attention.restore(forge(bytes, () => {}))).save(), bytes);
  const old = fixture('elu');
  const text = JSON.parse(new TextDecoder().decode(old.subarray(80, 80 + new DataView(old.buffer).getUint32(76, true))));
  assert.equal(keep(attention.restore(oldFile(text, [1, 1, 3, 1, 1, 1, 1e-6, 0], 6))).dim, 3);
  assert.equal(openSaved(bytes).header.map.name, 'favor');
});

test.run();
