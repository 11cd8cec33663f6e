// "Add a feature map" of src/README.md, followed to the letter in a copy of the sources, and what every map must have.
import assert from 'node:assert';
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { suite } from 'uvu';
import { MAP_KINDS } from '../web/maps/map_kinds.js';
import * as oracle from './oracle.js';
import { mapCases } from './suites/map_cases.js';
import { assertClose } from './tolerance.js';
import { inputs } from './util.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const run = promisify(execFile);
const test = suite('add a feature map');
const flags = ['-O1', '-Wall', '-Wextra', '-Werror', '-msimd128', '--no-entry', '-sSTANDALONE_WASM', '-sALLOW_MEMORY_GROWTH', '-sEXPORTED_FUNCTIONS=_malloc,_free'];
let folder;
test.before(async () => (folder = await mkdtemp(join(tmpdir(), 'add-map-'))));
test.after(() => rm(folder, { recursive: true }));

/** The section's code blocks by language. */
async function readSection() {
  const readme = await readFile(join(root, 'src/README.md'), 'utf8');
  const section = readme.split('## Add a feature map\n')[1].split(/\n##+ /)[0];
  assert.ok(section.split('\n').length < 50, 'the section has grown long');
  return Object.fromEntries([...section.matchAll(/```(\w+)\n([^]*?)```/g)].map(([, language, text]) => [language, text]));
}

/** Puts lines marked + below the line that the one above them begins, or those first in a file above the one that the line below them begins. */
async function applyListing(listing) {
  for (const [, name, body] of listing.matchAll(/^([^ +\n].*)\n((?:[ +].*\n)+)/gm)) {
    const path = join(folder, name);
    const lines = (await readFile(path, 'utf8')).split('\n');
    const marked = body.trimEnd().split('\n');
    const added = marked.filter((line) => line.startsWith('+')).map((line) => line.slice(1));
    const anchor = marked.find((line) => line.startsWith(' ')).slice(1);
    const places = lines.flatMap((line, at) => (line.startsWith(anchor) ? [at] : []));
    assert.equal(places.length, 1, `${name} has ${places.length} lines that begin as '${anchor}'`);
    lines.splice(places[0] + (marked[0].startsWith(' ') ? 1 : 0), 0, ...added);
    await writeFile(path, lines.join('\n'));
  }
}

/** The recipe for another map: the section's with other names, number and function. */
const renamed = (text) => text.replaceAll('square', 'cube').replaceAll('SQUARE', 'CUBE').replaceAll('10', '11').replaceAll('²', '³').replace('v4_mul(x, x)', 'v4_mul(v4_mul(x, x), x)').replace('a * a', 'a * a * a');

/** What a map lacks of all that a map must have. */
function missingParts(name, { maps, cases, declarations }) {
  const options = declarations.split('export interface FeatureMapOptionsByName {')[1].split('\n}')[0];
  return [
    typeof maps[name] !== 'function' && `no oracle: export ${name} from tests/oracle/feature_maps.js`,
    !cases.some(({ mapName }) => mapName === name) && `no case: add a row to mapCases in tests/suites/map_cases.js`,
    !new RegExp(`^  ${name}: `, 'm').test(options) && `no type: add it to FeatureMapOptionsByName in web/feature_map.d.ts`,
  ].filter(Boolean);
}

const readDeclarations = (from) => readFile(join(from, 'web/feature_map.d.ts'), 'utf8');

test('every map has an oracle, a case and a type', async () => {
  const parts = { maps: oracle, cases: mapCases, declarations: await readDeclarations(root) };
  for (const name of Object.keys(MAP_KINDS)) assert.deepEqual(missingParts(name, parts), [], `the feature map '${name}' has`);
});

test('a map without one of them is told which', async () => {
  const declarations = await readDeclarations(root);
  const elu = { maps: oracle, cases: mapCases, declarations };
  assert.match(missingParts('elu', { ...elu, maps: {} }).join(), /^no oracle: export elu from tests\/oracle\/feature_maps\.js$/);
  assert.match(missingParts('elu', { ...elu, cases: [] }).join(), /^no case: [^,]*map_cases\.js$/);
  assert.match(missingParts('elu', { ...elu, declarations: declarations.replace('  elu: ', '  other: ') }).join(), /^no type: [^,]*FeatureMapOptionsByName/);
});

test('one function and a row in each table make a map that every call, test and type takes; and so does another', async () => {
  const { c, diff } = await readSection();
  for (const part of ['src', 'web', 'tests', 'package.json']) {
    await cp(join(root, part), join(folder, part), { recursive: true, filter: (path) => !/node_modules|golden|peers/.test(path.slice(root.length)) });
  }
  for (const [name, change] of [['square', (text) => text], ['cube', renamed]]) {
    await writeFile(join(folder, `src/maps/${name}.c`), change(c));
    await applyListing(change(diff));
  }
  const wasm = join(folder, 'maps.wasm');
  await run('sh', ['-c', `emcc -Isrc src/*/*.c ${flags.join(' ')} -o ${wasm}`], { cwd: folder });
  const at = (path) => pathToFileURL(join(folder, path)).href;
  const { createAttention } = await import(at('web/index.js'));
  const parts = { maps: await import(at('tests/oracle/feature_maps.js')), declarations: await readDeclarations(folder) };
  const text = await readFile(join(folder, 'tests/suites/map_cases.js'), 'utf8');
  const attention = await createAttention({ wasm: await readFile(wasm) });
  const { q, k, v } = inputs({ heads: 2, T: 21, dim: 7 });
  for (const [name, power] of [['square', 2], ['cube', 3]]) {
    assert.deepEqual(missingParts(name, { ...parts, cases: [...text.matchAll(/^  plain\('(\w+)'/gm)].map(([, mapName]) => ({ mapName })) }), []);
    const featureMap = (rows) => rows.map((x) => x.map((a) => a ** power));
    assertClose(parts.maps[name]([q.data.subarray(0, 7)], {})[0], featureMap([q.data.subarray(0, 7)])[0], { rule: 'features' });
    for (const causal of [false, true])
      assertClose(attention.linear(q, k, v, { featureMap: name, causal, normalize: false }), oracle.linear(q, k, v, { featureMap, causal, normalize: false }).o, { rule: 'map linear' });
    const state = attention.state({ heads: 2, dim: 7, featureMap: name });
    assert.equal(attention.restore(state.save()).featureMap.name, name);
  }
  attention.dispose();
  await typeChecks(`import { createAttention } from './web/index.js';
const attention = await createAttention();
attention.featureMap('square', { dim: 4 });
attention.state({ heads: 1, dim: 4, featureMap: 'cube' });
// @ts-expect-error it has no options
attention.featureMap('cube', { dim: 4, nu: 2 });
`);
});

/** The TypeScript compiler takes the program in the copy. */
async function typeChecks(program) {
  await writeFile(join(folder, 'program.ts'), program);
  const compiler = join(root, 'node_modules/typescript/bin/tsc');
  const options = ['--noEmit', '--strict', '--target', 'es2022', '--module', 'nodenext', '--types', '', 'program.ts'];
  const failure = await run(process.execPath, [compiler, ...options], { cwd: folder }).then(() => null, ({ stdout }) => stdout);
  assert.equal(failure, null, failure);
}

test.run();
