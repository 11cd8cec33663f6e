/** tests/example.c, compiled natively as src/README.md says: the core is usable from C alone. */
import assert from 'node:assert';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { suite } from 'uvu';
import * as oracle from './oracle.js';
import { assertClose } from './tolerance.js';
import { tensorOf } from './util.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const run = promisify(execFile);
const test = suite('example in C');

test('compiles as printed, and gives the numbers of the oracle', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'example-'));
  try {
    const command = (await readFile(join(root, 'src/README.md'), 'utf8')).match(/^cc .*example\.c.*$/m)[0];
    await run('sh', ['-c', `${command} -o ${folder}/example`], { cwd: root });
    const { stdout } = await run(`${folder}/example`);
    const rows = stdout.trim().split('\n');
    assert.equal(rows.pop(), '0 bytes in use');
    const kept = rows.pop().match(/-?\d+\.\d+/g).map(Number);
    const [q, k, v] = [
      [1, 0, 0, 1, 1, 1, -1, 2],
      [1, 2, 0, -1, -2, 1, 1, 1],
      [1, 0, 0, 1, 2, 2, -1, 1],
    ].map((data) => tensorOf([1, 1, 4, 2], (i) => data[i]));
    const { o, S, z } = oracle.linear(q, k, v, { causal: true });
    assertClose(rows.flatMap((row) => row.split(' ').map(Number)), o.data, { rule: 'golden' });
    assertClose(kept, [...S.data, ...z.data], { rule: 'golden' });
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('the headers are C++ too', async () => {
  const source = '#include "nn.h"\nint main() { la_softmax_args args = {}; return la_softmax_items(&args) != 0; }\n';
  const folder = await mkdtemp(join(tmpdir(), 'example-'));
  try {
    await run('sh', ['-c', `printf '%s' "$0" > ${folder}/a.cc && c++ -Isrc -Wall -Werror -fsyntax-only ${folder}/a.cc`, source], { cwd: root });
  } finally {
    await rm(folder, { recursive: true });
  }
});

test.run();
