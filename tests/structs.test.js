// The argument structs as web/core/structs.js writes them are those of the C headers: names, order, types and sizes.
import assert from 'node:assert';
import { readFile } from 'node:fs/promises';
import { suite } from 'uvu';
import * as coreStructs from '../web/core/structs.js';
import { MAX_DIM, MAX_VALUE_DIM } from '../web/core/validate.js';
import { la_map_gradient, LEARN_ARGUMENTS } from '../web/learn/structs.js';
import { MAX_FEATURES } from '../web/maps/map_kinds.js';

const test = suite('argument structs');
const { fieldsIn } = coreStructs;
const structs = { ...coreStructs, la_map_gradient };
const ARGUMENTS = { ...coreStructs.ARGUMENTS, ...LEARN_ARGUMENTS };
const parts = ['la_array', 'la_gate', 'la_feature_map', 'la_map_gradient'];

const header = (await Promise.all(['linear_attention.h', 'nn.h', 'learn.h'].map((name) => readFile(new URL(`../src/${name}`, import.meta.url), 'utf8')))).join('\n');
const code = header.replace(/\/\*[^]*?\*\//g, '');

/** Which struct each call takes, by the headers. */
const taken = [...code.matchAll(/LA_API\((\w+)\)\(const (\w+_args) \*args\)/g)].filter(([, call]) => !call.endsWith('_items')).map(([, call, struct]) => [call, struct]);
const structOf = Object.fromEntries(taken);

/** The fields of a struct of the headers as [name, type]: a type of 32 bits, 'pointer', or another struct's name. */
function fieldsOf(name) {
  const match = new RegExp(`typedef struct \\{([^}]*)\\} ${name};`).exec(code);
  assert.ok(match, `the headers have no struct ${name}`);
  const declarations = match[1].split(';').map((text) => text.trim().replace(/\s+/g, ' ')).filter((text) => text !== '');
  return declarations.flatMap((declaration) => {
    const [, type, names] = /^(?:const )?(\w+) (.*)$/.exec(declaration);
    return names.split(',').map((one) => {
      const text = one.trim();
      return text.startsWith('*') ? [text.slice(1).trim(), 'pointer'] : [text, type.replace(/_t$/, '')];
    });
  });
}

const nameOf = (type) => (typeof type === 'string' ? type : Object.keys(structs).find((name) => structs[name] === type));

for (const [name, struct, call = name] of [...Object.entries(ARGUMENTS).map(([call, fields]) => [structOf[call], fields, call]), ...parts.map((part) => [part, structs[part]])]) {
  test(call, () => {
    assert.deepEqual(Object.entries(struct).map(([field, type]) => [field, nameOf(type)]), fieldsOf(name));
  });
}

test('sizes are those that the C compiler asserts', () => {
  const sizes = Object.fromEntries([...code.matchAll(/sizeof\((\w+)\) == (\d+)/g)].map(([, name, size]) => [name, Number(size)]));
  const all = { ...Object.fromEntries(Object.entries(ARGUMENTS).map(([call, struct]) => [structOf[call], struct])), ...Object.fromEntries(parts.map((part) => [part, structs[part]])) };
  for (const [name, struct] of Object.entries(all)) assert.equal(4 * fieldsIn(struct), sizes[name], name);
});

test('the largest sizes are those of the header', () => {
  const sizes = Object.fromEntries([...code.matchAll(/#define LA_(MAX_\w+) (\d+)\n/g)].map(([, name, size]) => [name, Number(size)]));
  assert.deepEqual([MAX_DIM, MAX_VALUE_DIM, MAX_FEATURES], [sizes.MAX_DIM, sizes.MAX_VALUE_DIM, sizes.MAX_FEATURES]);
});

test('every call with an argument struct is described', () => {
  assert.deepEqual(Object.keys(ARGUMENTS).sort(), Object.keys(structOf).sort());
});

test('words of fields are where the struct is written', () => {
  const words = structs.wordsOf(ARGUMENTS.la_linear);
  const i32 = new Int32Array(fieldsIn(ARGUMENTS.la_linear));
  structs.writeStruct({ i32, f32: new Float32Array(i32.buffer) }, 0, ARGUMENTS.la_linear, { batch: 1, value_dim: 2, map: { key_bias: 3 }, q: { row: 4 }, write_gate: { channel: 5 }, state: 6, count: 7 });
  assert.deepEqual([words.batch, words.value_dim, words.map.key_bias, words.q.row, words.write_gate.channel, words.state, words.count].map((word) => i32[word]), [1, 2, 3, 4, 5, 6, 7]);
});

test.run();
