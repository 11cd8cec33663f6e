import { join } from 'node:path';
import { outcomeOf } from '../page.js';
import { program } from '../program.js';
import { bin, execute, newerNode } from '../scratch.js';

const files = (column) => ({
  'astro.config.mjs': 'export default {};\n',
  'src/main.js': program(column, undefined, { check: '../check.js' }),
  'src/pages/index.astro': '<html lang="en"><head><title>app</title></head><body><script>import \'../main.js\';</script></body></html>\n',
});

async function run(column, folder) {
  await execute(folder, [bin('astro'), 'build'], { command: newerNode() });
  return outcomeOf(join(folder, 'dist'));
}

export default [{ name: 'Astro 7', files, ways: [{ run }] }];
