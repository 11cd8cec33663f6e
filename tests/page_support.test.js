// What the demo page says of browsers where it fails is what it is built for.
import assert from 'node:assert';
import { readdir, readFile } from 'node:fs/promises';
import { suite } from 'uvu';
import standIn from '../demo/conformance/stand_ins/assert.js';
import makeConfig from '../demo/vite.config.js';

const test = suite('demo page: browsers');

test('the failure names the versions that the page is built for', async () => {
  const { build } = await makeConfig();
  const named = build.target.map((target) => target.replace(/^[a-z]+/, (name) => `${name[0].toUpperCase()}${name.slice(1)} `)).join(', ');
  const page = await readFile(new URL('../demo/index.html', import.meta.url), 'utf8');
  assert.ok(page.includes(`use a current browser: ${named} or later.`), named);
});

test('what the suites ask of node:assert is there for the page that runs them', async () => {
  for (const folder of ['suites', 'generate', 'oracle', '.']) {
    for (const name of (await readdir(new URL(folder, import.meta.url))).filter((one) => one.endsWith('.js') && !one.endsWith('.test.js'))) {
      const source = await readFile(new URL(`${folder}/${name}`, import.meta.url), 'utf8');
      for (const [, method] of source.matchAll(/\bassert\.(\w+)\(/g)) assert.ok(method in standIn, `${folder}/${name}: assert.${method}`);
    }
  }
});

test.run();
