/** Native builds of the C core for sanitizers and libFuzzer: `.cache/native/SANITIZER` holds the cores and the fuzzer. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFile, mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
export const root = fileURLToPath(new URL('../..', import.meta.url));
export const cache = join(root, '.cache/native');
const clang = 'clang-14';

const vectors = ['-D__wasm_simd128__', '-Itests/native/include'];
const cores = {
  scalar: [],
  vector: vectors,
  pooled: [...vectors, '-D__wasm_atomics__'],
};

/** What a sanitizer looks for; `cores`: those that it instruments, the others are built plainly. */
export const sanitizers = {
  address: { flags: ['-fsanitize=address,undefined,float-cast-overflow', '-fno-sanitize-recover=all'], cores: ['scalar', 'vector', 'pooled'] },
  memory: { flags: ['-fsanitize=memory'], cores: ['scalar', 'vector'] },
  // What libFuzzer counts in the code that it watches would be a race itself.
  thread: { flags: ['-fsanitize=thread'], uncounted: ['-fno-sanitize-coverage=inline-8bit-counters,pc-table,trace-cmp,indirect-calls'], cores: ['pooled'], plain: ['scalar', 'vector'] },
};

/** Environment of the programs: an allocation that is too large fails, as the core expects. */
export const environment = {
  ASAN_OPTIONS: 'allocator_may_return_null=1',
  MSAN_OPTIONS: 'allocator_may_return_null=1',
  TSAN_OPTIONS: 'halt_on_error=1',
  UBSAN_OPTIONS: 'print_stacktrace=1',
};

const common = ['-O1', '-gline-tables-only', '-fno-omit-frame-pointer', '-ffp-contract=off', '-fno-math-errno', '-fno-strict-aliasing', '-DSEGMENT_FLOATS=1', '-Isrc', '-Wall', '-Wextra', '-Werror'];

export async function filesBelow(folder, pattern) {
  const names = await readdir(join(root, folder), { recursive: true });
  return names.filter((name) => pattern.test(name)).sort().map((name) => join(folder, name));
}

async function fingerprint(parts) {
  const hash = createHash('sha256').update(JSON.stringify(parts));
  for (const folder of ['src', 'tests/native']) {
    for (const file of await filesBelow(folder, /\.[ch]$/)) hash.update(file).update(await readFile(join(root, file)));
  }
  return hash.digest('hex');
}

/** Runs the commands, two or more at a time, as many as there are processors. */
async function runAll(commands) {
  const waiting = [...commands];
  const take = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) await run(clang, next, { cwd: root, maxBuffer: 1 << 26 });
  };
  await Promise.all(Array.from({ length: os.availableParallelism() }, take));
}

const uncountedOf = (name) => sanitizers[name].uncounted ?? [];

/** What a core is compiled with, as a sanitizer wants it or plainly; with `coreLinking` behind it, it is linked. */
export const coreFlags = (name, kind, isPlain = false) => [
  ...common, ...(isPlain ? [] : [...sanitizers[name].flags, '-fsanitize=fuzzer-no-link', ...uncountedOf(name)]),
  ...cores[kind], '-include', 'tests/native/include/instrument.h', '-fPIC',
];
export const coreLinking = ['-shared', '-Wl,-Bsymbolic', '-lm'];

/** Builds what has changed since and returns the folder. */
export async function build(name) {
  const sanitizer = sanitizers[name];
  const folder = join(cache, name);
  const stamp = join(folder, 'stamp');
  const now = await fingerprint([sanitizer, cores, common]);
  if ((await readFile(stamp, 'utf8').catch(() => '')) === now) return folder;
  await rm(stamp, { force: true });
  await mkdir(folder, { recursive: true });
  const sources = await filesBelow('src', /\.c$/);
  const own = await filesBelow('tests/native', /\.c$/);
  const core = (kind, isPlain) => [...coreFlags(name, kind, isPlain), ...sources, ...coreLinking, '-o', join(folder, `${kind}.so`)];
  await runAll([
    ...sanitizer.cores.map((kind) => core(kind, false)),
    ...(sanitizer.plain ?? []).map((kind) => core(kind, true)),
    [...common, ...sanitizer.flags, '-fsanitize=fuzzer', ...uncountedOf(name), '-rdynamic', ...own, '-ldl', '-lm', '-lpthread', '-o', join(folder, 'fuzzer')],
  ]);
  // Loaded once more under another name, a core begins with a state of its own.
  if (sanitizer.cores.includes('pooled')) await copyFile(join(folder, 'pooled.so'), join(folder, 'pooled-afresh.so'));
  await writeFile(stamp, now);
  return folder;
}
