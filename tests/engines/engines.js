/** The suites on every engine, and the plain SIMD build's bits, which must be the same on all. `npm run engines -- --help` */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { browsers, launch } from '../browser/driver.js';
import { blank, visit } from '../browser/visit.js';
import { createAttention } from '../../web/index.js';
import { digests } from './digests.js';

const usage = `npm run engines [-- engine ...] [--bits]

Runs the test files that need no browser on Node 22 and 24, Bun and Deno (Linux on x64; installed by this command into
tests/engines), compares the bits of many results there, in Chromium and in Firefox with this Node's, and prints a table.

  --bits    the bits alone`;

const root = fileURLToPath(new URL('../..', import.meta.url));
const installed = (path) => join(root, 'tests/engines/node_modules', path);
const suites = ['simd', 'scalar', 'relaxed', 'simd-threads', 'relaxed-threads', 'create', 'threads', 'worker', 'add_map', 'safetensors', 'oracle', 'tolerance', 'util'];

/** Programs that run a script: how, and how they say their version. */
const programs = {
  'node 22': { command: installed('node-22/bin/node'), args: [] },
  'node 24': { command: installed('node-24/bin/node'), args: [] },
  bun: { command: installed('@oven/bun-linux-x64/bin/bun'), args: [] },
  deno: { command: installed('@deno/linux-x64-glibc/deno'), args: ['run', '-A', '--no-prompt'] },
};

/** Resolves to whether the script ended well and what it printed. */
function run({ command, args }, script) {
  const options = { cwd: root, timeout: 900_000, maxBuffer: 1 << 28, env: { ...process.env, DENO_NO_UPDATE_CHECK: '1' } };
  return new Promise((resolve) => {
    execFile(command, [...args, script], options, (error, stdout, stderr) => resolve({ well: !error, stdout, output: stdout + stderr }));
  });
}

/** Names of results whose bits differ. */
const differing = (expected, actual) => Object.keys(expected).filter((name) => actual[name] !== expected[name]);

async function bitsOfProgram(program) {
  const { well, stdout, output } = await run(program, 'tests/engines/print.js');
  if (!well) throw new Error(output);
  return JSON.parse(stdout);
}

async function bitsOfBrowser(name) {
  const browser = await launch(name);
  try {
    return await visit(browser, root, blank, {}, ({ page }) =>
      page.evaluate(async () => {
        const [{ createAttention: create }, { digests: take }] = await Promise.all([import('/web/index.js'), import('/tests/engines/digests.js')]);
        return take(await create({ build: 'simd' }));
      }),
    );
  } finally {
    await browser.close();
  }
}

/** The test files that fail, each with the end of what it printed. */
async function failingSuites(program) {
  const failing = [];
  for (const name of suites) {
    const { well, output } = await run(program, `tests/${name}.test.js`);
    if (well && /^ *Passed: +[1-9]/m.test(output)) continue;
    failing.push(name);
    console.log(`${program.command} tests/${name}.test.js:\n${output.slice(-2000)}`);
  }
  return failing;
}

async function row(name, expected, bitsAlone) {
  const program = programs[name];
  const different = differing(expected, program ? await bitsOfProgram(program) : await bitsOfBrowser(name));
  const failing = program && !bitsAlone ? await failingSuites(program) : [];
  return { name, different, failing, ran: program && !bitsAlone ? suites.length : 0 };
}

async function main() {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { help: { type: 'boolean' }, bits: { type: 'boolean', default: false } } });
  if (values.help) return console.log(usage);
  const names = [...Object.keys(programs), ...browsers].filter((name) => positionals.length === 0 || positionals.some((word) => name.includes(word)));
  const attention = await createAttention({ build: 'simd' });
  const expected = digests(attention);
  attention.dispose();
  console.log(`| engine | test files | results with the bits of Node ${process.versions.node} |\n| --- | --- | --- |`);
  for (const name of names) {
    const { different, failing, ran } = await row(name, expected, values.bits);
    const total = Object.keys(expected).length;
    console.log(`| ${name} | ${ran ? `${ran - failing.length} of ${ran}${failing.length ? `, not ${failing.join(', ')}` : ''}` : '–'} | ${total - different.length} of ${total}${different.length ? `, not ${different.join(', ')}` : ''} |`);
    if (different.length > 0 || failing.length > 0) process.exitCode = 1;
  }
}

await main();
