// What the demo page says of browsers where it fails is what it is built for.
import assert from 'node:assert';
import { readFile } from 'node:fs/promises';
import { suite } from 'uvu';
import makeConfig from '../demo/vite.config.js';

const test = suite('demo page: browsers');

test('the failure names the versions that the page is built for', async () => {
  const { build } = await makeConfig();
  const named = build.target.map((target) => target.replace(/^[a-z]+/, (name) => `${name[0].toUpperCase()}${name.slice(1)} `)).join(', ');
  const page = await readFile(new URL('../demo/index.html', import.meta.url), 'utf8');
  assert.ok(page.includes(`use a current browser: ${named} or later.`), named);
});

test.run();
