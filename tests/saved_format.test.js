/** The bytes of saved states: their layout, old files, what later versions may add, and who holds a restored map. */
import assert from 'node:assert';
import { readdirSync, readFileSync } from 'node:fs';
import { internal } from '../web/core/resident.js';
import { createAttention } from '../web/index.js';
import { fillSavedCase, savedCases } from './saved_cases.js';
import { closeSaved, forge, openSaved, reseal, sectionOf } from './saved_file.js';
import { attentionSuite, throwsCode } from './suites/harness.js';
import { assertClose, assertSame } from './tolerance.js';
import { inputs } from './util.js';

const test = attentionSuite('saved format', () => createAttention({ build: 'simd' }));

const directory = new URL('./golden/saved-0.1.0/', import.meta.url);
const fixture = (name) => new Uint8Array(readFileSync(new URL(`${name}.bin`, directory)));
const refuse = (attention, bytes, what) => throwsCode(() => attention.restore(bytes), 'corrupt-state', what);

/** The state of a case and its map, kept. */
function filled(attention, keep, name) {
  const { state, map } = fillSavedCase(attention, savedCases[name]);
  keep(map);
  return keep(state);
}
/** The bytes of a state of a case, which is gone. */
function savedBytes(attention, name) {
  const { state, map } = fillSavedCase(attention, savedCases[name]);
  const bytes = state.save();
  for (const one of [state, map]) one.dispose();
  return bytes;
}

for (const name of Object.keys(savedCases)) {
  test(`the layout is as documented: ${name}`, (attention, keep) => {
    const state = filled(attention, keep, name);
    const bytes = state.save();
    const file = openSaved(bytes);
    const { batch, heads, dim, valueDim, normalize, scale, eps, featureMap: { features, name: kind, options } } = state;
    assert.deepEqual(file.header.state, { batch, heads, dim, valueDim, normalize, scale, eps });
    assert.deepEqual(file.header.map, { name: kind, dim, heads: state.featureMap.heads, features, options: { ...options } });
    assert.ok(file.header.sections.every(({ offset, required }) => offset % 8 === 0 && required));
    const { core, pointer, streamFloats } = state[internal];
    assert.deepEqual(file.header.sections.find((section) => section.name === 'state').shape, [batch, heads, streamFloats]);
    assertSame(sectionOf(file, 'state'), core.floatsAt(pointer, batch * heads * streamFloats), 'the block as it lies');
    assert.deepEqual([...sectionOf(file, 'lengths')], [11, 11]);
    for (const [key, tensor] of Object.entries(savedCases[name].map[1] ?? {})) if (tensor.shape) assertSame(sectionOf(file, `map.${key}`), tensor.data);
    assert.deepEqual(closeSaved(file), bytes);
  });

  test(`a file of 0.1.0 is read: ${name}`, (attention, keep) => {
    const bytes = fixture(name);
    assert.equal(bytes[7], 2);
    const restored = keep(attention.restore(bytes));
    const state = filled(attention, keep, name);
    for (const key of ['batch', 'heads', 'dim', 'valueDim', 'normalize', 'scale', 'eps', 'length']) assert.equal(restored[key], state[key], key);
    for (const key of ['name', 'dim', 'heads', 'features', 'options']) assert.deepEqual(restored.featureMap[key], state.featureMap[key], key);
    // S, z and exponents end the file, before the checksum.
    const [sFloats, zFloats, exponents] = [restored.data.length, restored.keySum?.length ?? 0, ['favor', 'projection'].includes(name) ? 4 : 0];
    const floats = new Float32Array(bytes.slice(-4 * (sFloats + zFloats + exponents) - 4, -4).buffer);
    assertSame(restored.data, floats.subarray(0, sFloats), 'S');
    if (restored.normalize) assertSame(restored.keySum, floats.subarray(sFloats, sFloats + zFloats), 'z');
    const again = keep(attention.restore(restored.save()));
    assert.deepEqual(again.save(), restored.save());
    const next = Object.values(inputs({ batch: 2, heads: 2, T: 9, dim: 3, valueDim: 5, seed: 9, deviation: savedCases[name].deviation }));
    assertClose(attention.linear(...next, { causal: true, state: restored }), attention.linear(...next, { causal: true, state }), { rule: 'exponents' });
  });
}

test('every file of 0.1.0 has its case', () => {
  assert.deepEqual(readdirSync(directory).sort(), Object.keys(savedCases).map((name) => `${name}.bin`).sort());
});

test('sections that a later version adds: optional ones are passed over, required ones refused by name', (attention, keep) => {
  const state = filled(attention, keep, 'elu');
  const added = (required, dtype = 'F32', name = 'transition') =>
    forge(state.save(), (file) => {
      file.header.sections.push({ name, dtype, shape: [2], offset: file.payload.length, bytes: 8, required });
      file.payload = Uint8Array.of(...file.payload, ...new Uint8Array(8));
    });
  for (const dtype of ['F32', 'BF16']) {
    assertSame(keep(attention.restore(added(false, dtype))).data, state.data);
    refuse(attention, added(true, dtype), `required, of ${dtype}`);
  }
  assert.throws(() => attention.restore(added(true)), /"transition"/);
  // What is known elsewhere, but not wanted here.
  for (const name of ['S', 'z', 'exponents', 'map.weights']) refuse(attention, added(true, 'F32', name), name);
});

test('fields that a later version adds are refused, as are later layouts', (attention) => {
  const bytes = savedBytes(attention, 'favor');
  const changes = {
    header: ({ header }) => (header.more = 1),
    state: ({ header }) => (header.state.transition = true),
    map: ({ header }) => (header.map.activation = 'exp'),
    options: ({ header }) => (header.map.options.activation = 'exp'),
  };
  for (const [what, change] of Object.entries(changes)) refuse(attention, forge(bytes, change), what);
  const later = closeSaved(openSaved(bytes), 4);
  assert.throws(() => attention.restore(later), /format version 4, this library reads 2 and 3/);
});

test('a transition lies in sections of its own, which are checked', (attention, keep) => {
  const state = keep(attention.state({ batch: 2, heads: 2, dim: 3, normalize: false, featureMap: 'identity', transition: true, start: 7 }));
  const x = { data: new Float32Array(12).fill(0.5), shape: [2, 2, 3] };
  state.step(x, x, x, { decay: -0.25, beta: 0.5 });
  const bytes = state.save();
  const file = openSaved(bytes);
  assert.deepEqual([...sectionOf(file, 'start')], [7]);
  assert.deepEqual([...sectionOf(file, 'decays')], new Array(12).fill(-0.25));
  assert.deepEqual(keep(attention.restore(bytes)).save(), bytes);
  const section = (wanted, change) => ({ header }) => change(header.sections.find(({ name }) => name === wanted));
  const changes = {
    'a matrix of another size': section('matrix', ({ shape }) => ([shape[1], shape[2]] = [4, shape[2] / 2])),
    'a matrix without decays': section('decays', (entry) => Object.assign(entry, { name: 'other', required: false })),
    'decays of another shape': section('decays', (entry) => (entry.shape = [2, 6])),
    'a start that is no number': (one) => sectionOf(one, 'start').fill(NaN),
    'a start below 0': (one) => sectionOf(one, 'start').fill(-1),
    'a field for it': ({ header }) => (header.state.transition = true),
  };
  const before = attention.memory;
  for (const [what, change] of Object.entries(changes)) {
    refuse(attention, forge(bytes, change), what);
    assert.equal(attention.memory, before, what);
  }
});

test('what is missing or malformed under a right checksum is refused', (attention) => {
  const bytes = savedBytes(attention, 'favor');
  const section = (wanted, change) => ({ header }) => change(header.sections.find(({ name }) => name === wanted));
  const changes = {
    ...Object.fromEntries(['state', 'lengths'].map((name) => [`another name for ${name}`, section(name, (entry) => (entry.name = 'other'))])),
    'optional under another name': section('lengths', (entry) => Object.assign(entry, { name: 'other', required: false })),
    'two of a name': section('lengths', (entry) => (entry.name = 'state')),
    'dtype of another size': section('state', (entry) => (entry.dtype = 'F64')),
    'lengths of float32': section('lengths', (entry) => Object.assign(entry, { dtype: 'F32', shape: [4] })),
    'dtype that is not text': section('state', (entry) => (entry.dtype = { toString: 1 })),
    'a list as dtype': section('state', (entry) => (entry.dtype = ['F32'])),
    'shape of another rank': section('state', (entry) => (entry.shape = [entry.bytes / 4])),
    'shape that is not a list': section('state', (entry) => (entry.shape = { length: 3 })),
    'a block of another size': section('state', ({ shape }) => ([shape[1], shape[2]] = [2 * shape[1], shape[2] / 2])),
    'offset within the section before': section('lengths', (entry) => (entry.offset -= 8)),
    'no number of features': ({ header }) => delete header.map.features,
    'another number of features': ({ header }) => (header.map.features = 12),
    'a valueDim that the block is not for': ({ header }) => (header.state.valueDim = 9),
    'more bytes than there are': section('lengths', (entry) => (entry.bytes = 2 ** 40)),
    'no sections': ({ header }) => delete header.sections,
    'sections that are null': ({ header }) => (header.sections = [null]),
    'no state': ({ header }) => delete header.state,
    'an option left out': ({ header }) => delete header.state.eps,
    'an option of the map left out': ({ header }) => delete header.map.options.normTerm,
    'a map that objects inherit': ({ header }) => (header.map.name = 'toString'),
    'a header that is a list': (file) => (file.header = '[]'),
    'a header of many brackets': (file) => (file.header = '['.repeat(100_000)),
    'an option of many brackets': (file) => (file.header = JSON.stringify(file.header).replace('"features":8', `"features":${'['.repeat(50_000)}${']'.repeat(50_000)}`)),
    'a long name': section('lengths', (entry) => (entry.name = 'x'.repeat(100_000))),
    'bytes behind the last section': (file) => (file.payload = Uint8Array.of(...file.payload, ...new Uint8Array(8))),
  };
  const before = attention.memory;
  for (const [what, change] of Object.entries(changes)) {
    const forged = forge(bytes, change);
    refuse(attention, forged, what);
    assert.throws(() => attention.restore(forged), ({ message }) => message.length < 500, what);
    assert.equal(attention.memory, before, what);
  }
  const odd = bytes.slice();
  new DataView(odd.buffer).setUint32(8, new DataView(odd.buffer).getUint32(8, true) - 1, true);
  refuse(attention, reseal(odd), 'a payload that is not aligned');
});

test('lengths are exact to 2^53 - 1, one a row', (attention, keep) => {
  const bytes = savedBytes(attention, 'elu');
  const withLengths = (...lengths) => forge(bytes, (file) => sectionOf(file, 'lengths').set(lengths));
  const most = Number.MAX_SAFE_INTEGER;
  const restored = keep(attention.restore(withLengths(most, most)));
  assert.equal(restored.length, most);
  assert.deepEqual([...sectionOf(openSaved(restored.save()), 'lengths')], [most, most]);
  for (const wrong of [-1, 0.5, NaN, Infinity, 2 ** 53]) refuse(attention, withLengths(wrong, wrong), `${wrong}`);
  const ragged = keep(attention.restore(withLengths(3, 4)));
  assert.equal(ragged.length, 4);
  assert.deepEqual([...sectionOf(openSaved(ragged.save()), 'lengths')], [3, 4]);
});

test('states go on past 2^31 and 2^32 tokens', (attention, keep) => {
  const bytes = savedBytes(attention, 'elu');
  const at = (length) => keep(attention.restore(forge(bytes, (file) => sectionOf(file, 'lengths').fill(length))));
  const { dim, valueDim, heads, batch } = at(0);
  const inputs = [dim, dim, valueDim].map((width) => ({ data: Float32Array.from({ length: batch * heads * width }, (_, i) => Math.sin(i + width)), shape: [batch, heads, width] }));
  const whole = inputs.map(({ data, shape }) => ({ data, shape: [shape[0], shape[1], 1, shape[2]] }));
  const expected = [at(5).step(...inputs).data, attention.linear(...whole, { state: at(5), causal: true }).data];
  for (const length of [2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 2]) {
    const [stepped, called] = [at(length), at(length)];
    assert.deepEqual([stepped.step(...inputs).data, attention.linear(...whole, { state: called, causal: true }).data], expected);
    assert.deepEqual([stepped.length, called.length], [length + 1, length + 1]);
  }
});

test('bytes whose buffer was handed over are refused by name', (attention) => {
  const bytes = savedBytes(attention, 'elu');
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
  assert.throws(() => attention.restore(bytes), { name: 'TypeError', message: /^bytes must be/ });
});

test.run();
