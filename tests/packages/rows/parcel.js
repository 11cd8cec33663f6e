import { join } from 'node:path';
import { html, outcomeOf } from '../page.js';
import { program } from '../program.js';
import { bin, execute } from '../scratch.js';

const app = (more) => (column) => ({
  // Parcel takes the folder with a lockfile for the app's own.
  'package-lock.json': '{}',
  'package.json': JSON.stringify({ private: true, type: 'module', ...more }),
  'index.html': html(),
  'main.js': program(column),
});

async function run(column, folder) {
  await execute(folder, [bin('parcel'), 'build', 'index.html', '--dist-dir', 'dist', '--public-url', './', '--no-cache', '--no-source-maps', '--no-autoinstall']);
  return outcomeOf(join(folder, 'dist'));
}

export default [
  {
    name: 'Parcel 2',
    files: app(),
    ways: [{ run }, { needs: '`packageExports`', files: app({ '@parcel/resolver-default': { packageExports: true } }), run }],
  },
];
