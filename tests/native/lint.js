/** clang-tidy (by .clang-tidy) and cppcheck on the C core. `node tests/native/lint.js` */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import os from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { filesBelow, root } from './build.js';
import { suppressions } from './suppressions.js';

const run = promisify(execFile);

/** What a linter printed, whether or not it found anything; an error when it could not be run. */
async function outputOf(command, args) {
  const options = { cwd: root, maxBuffer: 1 << 26 };
  const { stdout, stderr } = await run(command, args, options).catch((error) => {
    if (typeof error.code !== 'number') throw error;
    return error;
  });
  return `${stdout}\n${stderr}`;
}

/** `path:line[:column]: … message [check]` */
function findingsOf(text) {
  const lines = text.matchAll(/^(?<path>\S+?):(?<line>\d+):(?:\d+:)? (?:error|warning): (?<message>.*) \[(?<check>[\w.-]+)[^\]]*\]$/gm);
  return [...lines].map(({ groups }) => ({ ...groups, path: groups.path.replace(root, ''), line: Number(groups.line) }));
}

async function tidy(sources, deep) {
  const checks = deep ? [] : ['--checks=-clang-analyzer-*'];
  const share = Math.ceil(sources.length / os.availableParallelism());
  const runs = [];
  for (let at = 0; at < sources.length; at += share) {
    runs.push(outputOf('clang-tidy-14', ['--quiet', ...checks, ...sources.slice(at, at + share), '--', '-Isrc', '-std=gnu11', '-ffp-contract=off']));
  }
  return (await Promise.all(runs)).join('\n');
}

const cppcheck = () =>
  outputOf('cppcheck', ['--quiet', '--std=c11', '--enable=warning,style,performance,portability', '--template={file}:{line}: error: {message} [{id}]', '-Isrc', 'src']);

/** All findings that are no suppressions, as one text. `deep`: with clang's analyzer, which takes half a minute more. */
export async function lint({ deep = false } = {}) {
  const sources = await filesBelow('src', /\.c$/);
  const found = findingsOf(`${await tidy(sources, deep)}\n${await cppcheck()}`);
  const used = new Set();
  const left = [];
  for (const finding of found) {
    const line = (await readFile(join(root, finding.path), 'utf8')).split('\n')[finding.line - 1];
    const known = suppressions.find(({ file, check, line: piece }) => file === finding.path && check === finding.check && line.includes(piece));
    if (known) used.add(known);
    else left.push(`${finding.path}:${finding.line}: ${finding.message} [${finding.check}]`);
  }
  for (const entry of suppressions) {
    if (!used.has(entry) && (deep || !entry.check.startsWith('clang-analyzer'))) left.push(`${entry.file}: nothing is found any more for its entry in tests/native/suppressions.js, ${entry.check}`);
  }
  return [...new Set(left)].join('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const findings = await lint({ deep: true });
  console.log(findings || 'clang-tidy and cppcheck find nothing.');
  process.exitCode = findings ? 1 : 0;
}
