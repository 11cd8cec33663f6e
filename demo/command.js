// What the command lines share: options in, tables and files out, and an end with one line for an error, its code, and everything printed.
import { existsSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { minuteNow } from './measure/environment.js';

/** What the user typed cannot be carried out. */
export class UsageError extends Error {}

/** Options by name. `types`: for each that takes a value, (name, text) → value, or a UsageError; `flags` take none. */
export function readOptions(args, types, flags) {
  const options = Object.fromEntries([...flags.map((name) => [name, { type: 'boolean' }]), ...Object.keys(types).map((name) => [name, { type: 'string' }])]);
  let values;
  try {
    ({ values } = parseArgs({ args, options, strict: true, allowPositionals: false }));
  } catch (error) {
    throw new UsageError(error.message);
  }
  for (const [name, read] of Object.entries(types)) {
    if (values[name] !== undefined) values[name] = read(name, values[name]);
  }
  return values;
}

/** An option's value as an integer from `least` to `most`. */
export const integer = (least, most) => (name, text) => {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < least || value > most) throw new UsageError(`--${name} must be an integer from ${least} to ${most}, got "${text}"`);
  return value;
};

/** An option's value as a file to write, refused before anything is measured where its folder is missing; - is standard output. */
export function fileName(name, text) {
  if (text === '' || (text !== '-' && !existsSync(dirname(text)))) throw new UsageError(`--${name} must be a file in a folder that is there, got ${JSON.stringify(text)}`);
  return text;
}

/** An option's value as a file to read. */
export function existingFile(name, text) {
  if (!existsSync(text)) throw new UsageError(`--${name} must be a file that is there, got ${JSON.stringify(text)}`);
  return text;
}

/** Writes what an option of fileName names. */
export const writeOut = (file, text) => (file === '-' ? process.stdout.write(text) : writeFileSync(file, text));

/** What an instance's measurements run on here, in a terminal. */
export const nodeEnvironment = ({ version, build, threads }) => ({
  version,
  build,
  threads,
  engine: `Node ${process.versions.node}`,
  platform: `${os.type()} ${os.arch()}`,
  processors: os.cpus().length,
  date: minuteNow(),
});

/** Aligned columns: numbers to the right, and the first to the left where it holds names. */
export function table(header, lines, { named = false } = {}) {
  const widths = header.map((title, column) => Math.max(title.length, ...lines.map((line) => line[column].length)));
  const align = (cell, column) => (named && column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]));
  return [header, ...lines].map((line) => '  ' + line.map(align).join('  ')).join('\n');
}

/** Runs `main` and ends the process: 0, 2 after a UsageError, 1 after any other. */
export async function runCommand(main) {
  let code = 0;
  try {
    await main();
  } catch (error) {
    code = error instanceof UsageError ? 2 : 1;
    process.stderr.write(`${error.message}\n${code === 2 ? 'Try --help.\n' : ''}`);
  }
  // Node can deadlock when it waits for its compiler threads at the natural end (nodejs/node#54918).
  for (const stream of [process.stdout, process.stderr]) await new Promise((resolve) => stream.write('', resolve));
  process.exit(code);
}
