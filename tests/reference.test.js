/**
 * web/README.md, the reference, beside the declarations: the same calls with the same parameters, the same options with the
 * same defaults, the same fields, methods and codes. A table says above it which declared type it is of.
 */
import assert from 'node:assert';
import { readFile } from 'node:fs/promises';
import { suite } from 'uvu';
import { defaultIn, membersOf, parametersOf, readDeclarations } from './read_declarations.js';

const test = suite('the reference');
const text = await readFile(new URL('../web/README.md', import.meta.url), 'utf8');
const outside = text.replace(/```[^]*?```/g, '');
const declarations = await readDeclarations();
const entries = await Promise.all(['index', 'worker', 'onnx', 'nn', 'learn', 'learn_worker'].map((name) => readFile(new URL(`../web/${name}.d.ts`, import.meta.url), 'utf8')));

/** Whether users can name a type: an entry declares it, or exports it from where it is declared. */
const isPublic = (name) => entries.some((entry) => new RegExp(`^export (?:type \\{[^}]*\\b${name}\\b[^}]*\\}|(?:type|interface|class) ${name}\\b)`, 'm').test(entry));
const plain = (markdown) => markdown.replaceAll('`', '').replaceAll('\\|', '|').trim();

/** [{ title, types, header, rows }]: tables, the line above them, and the types that this names. */
const tables = [...outside.matchAll(/^(.*)\n\n((?:\|.*\n)+)/gm)].map(([, title, body]) => {
  const cells = body.trim().split('\n').map((row) => row.replaceAll('\\|', '¦').split('|').slice(1, -1).map((cell) => cell.replaceAll('¦', '|').trim()));
  const types = [...title.matchAll(/`(\w+)`/g)].map(([, name]) => name).filter((name) => /^[A-Z]/.test(name));
  return { title, types, header: cells[0], rows: cells.slice(2) };
});
const tablesOf = (first) => tables.filter(({ header, types }) => header[0] === first && types.length > 0);

/** Names in the first cell of a row: several where they have one meaning. */
const namesIn = (cell) => [...cell.matchAll(/`(\w+)/g)].map(([, name]) => name);

/** Members that a table has to have: those of its type, but for what a table of another type that it builds on has. */
function expectedIn(name, options) {
  const own = membersOf(declarations, name);
  const documented = new Set(tablesOf('option').filter(({ types: [type] }) => type !== name).map(({ types: [type] }) => type));
  const inherited = new Set(basesOf(name).filter((base) => documented.has(base)).flatMap((base) => [...membersOf(declarations, base).keys()]));
  return new Map([...own].filter(([member, variants]) => !(options && inherited.has(member) && !redeclares(name, member)) && !member.startsWith('[') && variants.some(({ comment }) => !comment[0].startsWith('Not given'))));
}

const declarationOf = (name) => declarations.find((one) => one.name === name);
const basesOf = (name) => (declarationOf(name)?.bases ?? []).flatMap((base) => [base.name, ...basesOf(base.name)]);
const redeclares = (name, member) => declarationOf(name).members.some((one) => one.name === member);

/** Every default of a member that may be left out; none where it is needed. */
function defaultsOf(variants) {
  const given = variants.filter(({ comment }) => !comment[0].startsWith('Not given'));
  if (given.every(({ isOptional }) => !isOptional)) return { isRequired: true, defaults: [] };
  return { isRequired: false, defaults: [...new Set(given.map(({ comment }) => defaultIn(comment)).filter((told) => told !== undefined).map(plain))] };
}

test('the declarations are read', () => {
  assert.ok(declarations.length > 60);
  assert.equal([...membersOf(declarations, 'SoftmaxOptions')].length, 14);
  assert.ok(!membersOf(declarations, 'SoftmaxPartOptions').has('out'));
  assert.deepEqual(defaultsOf(membersOf(declarations, 'CacheOptions').get('maxLength')), { isRequired: false, defaults: ['any number of tokens'] });
  assert.equal(parametersOf('f<T extends (a: number) => void>(a: [x, y], b?: { c: d, e: f }): void', 32), 'a, b?');
});

test('every type of options has a table, with all of its options and no other', () => {
  const withTable = new Set(tablesOf('option').flatMap(({ types }) => types));
  const needed = declarations.filter(({ name }) => isPublic(name) && /(Options|Inputs|Attributes|Content)$/.test(name) && !/^Async(?!Options)/.test(name));
  assert.ok(needed.length > 25);
  const missing = needed.map(({ name }) => name).filter((name) => !withTable.has(name) && !outside.includes(`(\`${name}\``));
  assert.deepEqual(missing, []);
  for (const { types: [name], rows } of tablesOf('option')) {
    assert.deepEqual(rows.flatMap(([cell]) => namesIn(cell)).sort(), [...expectedIn(name, true).keys()].sort(), name);
  }
});

test('defaults are those of the hover texts', () => {
  for (const { types: [name], rows } of tablesOf('option')) {
    const members = membersOf(declarations, name);
    for (const [cell, told] of rows) {
      for (const option of namesIn(cell)) {
        const { isRequired, defaults } = defaultsOf(members.get(option));
        const where = `${name}.${option}`;
        assert.equal(/^required\b/.test(told), isRequired || /^required without/.test(told), `${where}: '${told}' in the reference`);
        assert.ok(isRequired || defaults.length > 0, `${where} says no default in its hover text`);
        if (defaults.length === 1 && !told.startsWith('required')) assert.equal(plain(told), defaults[0], where);
        else for (const one of defaults) assert.ok(plain(told).includes(one), `${where}: '${told}' in the reference, '${one}' in the hover text`);
      }
    }
  }
});

test('every option says its default in its hover text, or that it is needed', () => {
  for (const { name, kind, members, file, isExported } of declarations) {
    if (!/(Options|Settings|Inputs|Attributes|Sizes|Drawn|Projected|Gated|Content)$/.test(name) || (kind !== 'interface' && kind !== 'type')) continue;
    for (const member of members.filter(({ isOptional, comment }) => isOptional && !comment[0].startsWith('Not given'))) {
      assert.ok(defaultIn(member.comment), `${file}: ${name}.${member.name} (${isExported ? 'public' : 'shared'}) says no default`);
    }
  }
});

test('every object has a table of its fields and of its methods, with their parameters', () => {
  for (const name of ['State', 'Cache', 'FeatureMap', 'Dense', 'LayerNorm', 'Sampler', 'Optimizer', 'Tensor', 'Attention']) {
    const members = [...membersOf(declarations, name)].filter(([member]) => !member.startsWith('['));
    const fields = members.filter(([, [{ isMethod }]]) => !isMethod).map(([member]) => member).sort();
    const inLine = new RegExp(`^Fields \\(\`${name}\`\\): (.*)$`, 'm').exec(outside)?.[1];
    const table = tablesOf('field').find(({ types }) => types[0] === name);
    assert.deepEqual((inLine ? namesIn(inLine) : table.rows.flatMap(([cell]) => namesIn(cell))).sort(), fields, name);
    if (name === 'Attention' || name === 'Tensor') continue;
    const told = tablesOf('method').find(({ types }) => types[0] === name).rows.map(([cell]) => plain(cell));
    const methods = members.filter(([, [{ isMethod }]]) => isMethod).map(([method, [{ parameters }]]) => `${method}(${parameters})`);
    assert.deepEqual(told.sort(), methods.sort(), name);
  }
});

test('results have tables of their fields', () => {
  for (const name of ['SoftmaxPart', 'Gap', 'LinearGradients', 'SoftmaxGradients', 'WeightsGradients', 'Distilled', 'Measurement']) {
    const { rows } = tablesOf('field').find(({ types }) => types[0] === name);
    assert.deepEqual(rows.flatMap(([cell]) => namesIn(cell)).sort(), [...membersOf(declarations, name).keys()].sort(), name);
  }
});

test('the table of feature maps has all of them', () => {
  const { rows } = tables.find(({ header }) => header.includes('φ(x)'));
  assert.deepEqual(rows.map(([cell]) => namesIn(cell)[0]), [...membersOf(declarations, 'FeatureMapOptionsByName').keys()]);
});

test('every call and function has a heading with its parameters', () => {
  const headings = [...outside.matchAll(/^#+ `(\w+)(\(.*\))`$/gm)].map(([, name, list]) => `${name}(${parametersOf(list)})`);
  const calls = [...membersOf(declarations, 'Attention')].filter(([name, [{ isMethod }]]) => isMethod && !name.startsWith('[') && name !== 'dispose').map(([name, [{ parameters }]]) => `${name}(${parameters})`);
  const functions = declarations.filter(({ kind }) => kind === 'function').map(({ name, parameters }) => `${name}(${parameters})`);
  assert.deepEqual([...new Set(headings)].sort(), [...new Set([...calls, ...functions])].sort());
  assert.equal(headings.length, new Set(headings).size);
});

test('names after attention, state, cache and map are members', () => {
  const kinds = { attention: 'Attention', state: 'State', cache: 'Cache', map: 'FeatureMap', tensor: 'Tensor' };
  for (const [, object, name] of outside.matchAll(/`(attention|state|cache|map|tensor)\.(\w+)/g)) {
    assert.ok(membersOf(declarations, kinds[object]).has(name), `${object}.${name}`);
  }
});

test('codes of errors are those that are declared', () => {
  const declared = [...declarationOf('AttentionErrorCode').body.matchAll(/'([\w-]+)'/g)].map(([, code]) => code);
  const { rows } = tables.find(({ types }) => types[0] === 'AttentionErrorCode');
  assert.deepEqual(rows.map(([cell]) => plain(cell)).sort(), declared.sort());
});

/** What a heading is called in links. */
const anchorOf = (heading) => heading.toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-');

test('the table of contents has every section, and every link leads somewhere', () => {
  const anchors = new Set([...outside.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => anchorOf(heading)));
  const links = [...outside.matchAll(/\]\(#([^)]*)\)/g)].map(([, anchor]) => anchor);
  assert.deepEqual(links.filter((link) => !anchors.has(link)), []);
  const contents = outside.slice(0, outside.indexOf('\n## '));
  const sections = [...outside.matchAll(/^## (.*)$/gm)].map(([, heading]) => anchorOf(heading));
  assert.deepEqual(sections.filter((section) => !contents.includes(`](#${section})`)), []);
});

test.run();
