import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { program, columns } from '../program.js';
import { bin, execute } from '../scratch.js';

const print = (outcome) => `${outcome}.then((told) => console.log(JSON.stringify(told)));`;
const run = (file) => async (column, folder) => JSON.parse(await execute(folder, [file]));

const required = (column) => `const { createAttention } = require('${columns[column].entry}');
const { check } = require('./check.js');
${print(`check(createAttention, { threads: ${columns[column].threads} })`)}
`;

/** A test that keeps what the program tells. */
const specification = (column, head = '') => `${head}import { writeFile } from 'node:fs/promises';
${program(column, (outcome) => `test('computes', async () => writeFile('outcome.json', JSON.stringify(await ${outcome})));`)}`;

/** By a test runner, with the arguments that are needed. */
const tested = (args) => async (column, folder) => {
  await execute(folder, args);
  return JSON.parse(await readFile(join(folder, 'outcome.json'), 'utf8'));
};

const jest = (column) => ({ 'app.spec.js': specification(column), 'jest.config.js': `export default { testMatch: ['**/*.spec.js'], transform: {} };\n` });
const vitest = (environment) => (column) => ({ 'app.spec.js': specification(column, `import { test } from 'vitest';\n`), 'vitest.config.js': `export default { test: { environment: '${environment}' } };\n` });

export default [
  { name: 'Node, import', files: (column) => ({ 'main.js': program(column, print) }), ways: [{ run: run('main.js') }] },
  { name: 'Node, require', files: (column) => ({ 'main.cjs': required(column) }), ways: [{ run: run('main.cjs') }] },
  { name: 'Vitest 3', files: vitest('node'), ways: [{ run: (column, folder) => tested([join(bin(''), '../vitest3/vitest.mjs'), 'run', '--root', folder])(column, folder) }] },
  {
    name: 'Jest 30',
    files: jest,
    ways: [
      { run: tested([bin('jest')]) },
      { needs: '`--experimental-vm-modules`', run: tested(['--experimental-vm-modules', bin('jest')]) },
    ],
  },
];
