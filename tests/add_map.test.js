// The README's "Add a feature map", followed to the letter in a copy of the sources.
import assert from 'node:assert';
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { suite } from 'uvu';
import * as oracle from './oracle.js';
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
  const readme = await readFile(join(root, 'README.md'), 'utf8');
  const section = readme.split('### Add a feature map\n')[1].split(/\n##+ /)[0];
  assert.ok(section.split('\n').length < 50, 'the section has grown long');
  return Object.fromEntries([...section.matchAll(/```(\w+)\n([^]*?)```/g)].map(([, language, text]) => [language, text]));
}

/** Puts every line marked + after the first line that begins as the one above it in the listing does. */
async function applyListing(listing) {
  let path;
  let anchor;
  for (const line of listing.trimEnd().split('\n')) {
    if (line.startsWith(' ')) anchor = line.slice(1);
    else if (!line.startsWith('+')) path = join(folder, line);
    else {
      const lines = (await readFile(path, 'utf8')).split('\n');
      const at = lines.findIndex((one) => one.includes(anchor));
      assert.ok(at >= 0, `${path} has no line '${anchor}'`);
      lines.splice(at + 1, 0, line.slice(1));
      await writeFile(path, lines.join('\n'));
    }
  }
}

test('one function and two rows make a map that every call takes', async () => {
  const { c, diff } = await readSection();
  for (const part of ['src', 'web', 'package.json']) await cp(join(root, part), join(folder, part), { recursive: true });
  await writeFile(join(folder, 'src/maps/square.c'), c);
  await applyListing(diff);
  const wasm = join(folder, 'square.wasm');
  await run('sh', ['-c', `emcc -Isrc src/*/*.c ${flags.join(' ')} -o ${wasm}`], { cwd: folder });
  const { createAttention } = await import(pathToFileURL(join(folder, 'web/index.js')));
  const attention = await createAttention({ wasm: await readFile(wasm) });
  const { q, k, v } = inputs({ heads: 2, T: 21, dim: 7 });
  const featureMap = (rows) => rows.map((x) => x.map((a) => a * a));
  for (const causal of [false, true])
    assertClose(attention.linear(q, k, v, { featureMap: 'square', causal }), oracle.linear(q, k, v, { featureMap, causal }).o, { rule: 'linear' });
  const state = attention.state({ heads: 2, dim: 7, featureMap: 'square' });
  assert.equal(attention.restore(state.save()).featureMap.name, 'square');
  attention.dispose();
});

test.run();
