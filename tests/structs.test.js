// The argument structs as web/core/structs.js writes them are those of the C headers: names, order, types and sizes.
import assert from 'node:assert';
import { readFile } from 'node:fs/promises';
import { suite } from 'uvu';
import * as structs from '../web/core/structs.js';

const test = suite('argument structs');
const { ARGUMENTS, fieldsIn } = structs;

const header = (await Promise.all(['linear_attention.h', 'nn.h'].map((name) => readFile(new URL(`../src/${name}`, import.meta.url), 'utf8')))).join('\n');
const code = header.replace(/\/\*[^]*?\*\//g, '');

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

for (const [name, struct] of [...Object.entries(ARGUMENTS).map(([call, fields]) => [`${call}_args`, fields]), ...['la_array', 'la_gate', 'la_feature_map'].map((part) => [part, structs[part]])]) {
  test(name, () => {
    assert.deepEqual(Object.entries(struct).map(([field, type]) => [field, nameOf(type)]), fieldsOf(name));
  });
}

test('sizes are those that the C compiler asserts', () => {
  const sizes = Object.fromEntries([...code.matchAll(/sizeof\((\w+)\) == (\d+)/g)].map(([, name, size]) => [name, Number(size)]));
  const all = { ...Object.fromEntries(Object.entries(ARGUMENTS).map(([call, struct]) => [`${call}_args`, struct])), la_array: structs.la_array, la_gate: structs.la_gate, la_feature_map: structs.la_feature_map };
  for (const [name, struct] of Object.entries(all)) assert.equal(4 * fieldsIn(struct), sizes[name], name);
});

test('every call with an argument struct is described', () => {
  const calls = [...code.matchAll(/LA_API\((\w+)\)\(const \1_args \*args\)/g)].map(([, call]) => call);
  assert.deepEqual(Object.keys(ARGUMENTS).sort(), calls.sort());
});

test.run();
