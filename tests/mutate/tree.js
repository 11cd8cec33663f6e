/** The scratch copy in which changes are made: its sources, and whatever its tests use that is built of them. */
import { execFile } from 'node:child_process';
import { copyFile, cp, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build as buildNative, coreFlags, coreLinking, filesBelow, root, sanitizers } from '../native/build.js';
import { mutate } from './mutants.js';
import { Objects } from './objects.js';

const cache = join(root, '.cache/mutate');
export const tree = join(cache, 'tree');
export const resultsFile = join(cache, 'results.jsonl');
export const baselineFile = join(cache, 'baseline.json');
const kept = ['src', 'web', 'tests', 'demo', 'build.sh', 'package.json', 'package-lock.json', 'README.md', 'CHANGELOG.md', 'LICENSE', '.clang-tidy'];
/** What a change leaves unused is no reason not to compile. */
const lenient = ['-Wno-unused-variable', '-Wno-unused-parameter', '-Wno-unused-function', '-Wno-unused-but-set-variable'];
const workers = ['worker-thread.js', 'learn-worker-thread.js', 'thread.js'];

/** Resolves to whether a command in the tree ended well, and what it printed. */
function run(command, args) {
  return new Promise((resolve) => {
    execFile(command, args, { cwd: tree, maxBuffer: 1 << 28 }, (error, stdout, stderr) => resolve({ well: !error, output: stdout + stderr }));
  });
}

export async function copyTree() {
  await rm(tree, { recursive: true, force: true });
  await mkdir(tree, { recursive: true });
  for (const name of kept) {
    await cp(join(root, name), join(tree, name), { recursive: true, filter: (path) => !/node_modules|\.cache/.test(path.slice(root.length)) });
  }
  await symlink(join(root, 'node_modules'), join(tree, 'node_modules'));
}

/** The module that a test file's instances have and that a change in src/ has to be built into. */
function moduleOf(suite) {
  if (/^(learn|distill)/.test(suite)) return 'learn';
  return suite.includes('threads') ? 'simd-threads' : 'simd';
}

/** A module of web/dist/, at -O1. */
class Module {
  constructor(name) {
    this.name = name;
    this.place = join(tree, 'web/dist', `${name}.wasm`);
    this.plain = join(cache, `${name}.wasm`);
  }

  async make() {
    const { output } = await run('./build.sh', ['parts', this.name]);
    const [flags, linking, sources] = output.trimEnd().split('\n').map((line) => line.split(' '));
    this.linking = [...flags, '-O1', ...linking];
    this.objects = new Objects({ run, tree, folder: join(cache, 'objects', this.name), compiler: 'emcc', flags: [...flags, '-O1', ...lenient], sources });
    await this.objects.make();
    if (!(await this.build(null))) throw new Error(`${this.name} does not link`);
    await copyFile(this.place, this.plain);
  }

  async build(changed) {
    const objects = await this.objects.having(changed);
    return objects !== null && (await run('emcc', [...objects, ...this.linking, '-o', this.place])).well;
  }

  restore() {
    return copyFile(this.plain, this.place);
  }
}

/** The instrumented cores of one sanitizer, and its fuzzer, which does not depend on what is in src/. */
export class Cores {
  constructor(name) {
    this.name = name;
    this.folder = join(cache, 'native', name);
  }

  async make() {
    this.plain = await buildNative(this.name);
    await this.restore();
    const sources = await filesBelow('src', /\.c$/);
    this.kinds = [];
    for (const kind of sanitizers[this.name].cores) {
      const flags = [...coreFlags(this.name, kind), ...lenient];
      const objects = new Objects({ run, tree, folder: join(cache, 'objects', `${this.name}-${kind}`), compiler: 'clang-14', flags, sources });
      await objects.make();
      this.kinds.push({ kind, objects });
    }
  }

  async build(changed) {
    for (const { kind, objects } of this.kinds) {
      const made = await objects.having(changed);
      const to = join(this.folder, `${kind}.so`);
      if (made === null || !(await run('clang-14', [...objects.flags, ...made, ...coreLinking, '-o', to])).well) return false;
      if (kind === 'pooled') await copyFile(to, join(this.folder, 'pooled-afresh.so'));
    }
    return true;
  }

  restore() {
    return cp(this.plain, this.folder, { recursive: true, preserveTimestamps: true });
  }
}

/** What is bundled for Workers out of web/. */
const bundles = {
  name: 'bundles',
  make: async () => {},
  build: async () => (await run('./build.sh', ['workers'])).well,
  restore: async () => {
    for (const name of workers) await copyFile(join(root, 'web/dist', name), join(tree, 'web/dist', name));
  },
};

/** Of scripts that are run as they lie. */
const nothing = { name: 'nothing', make: async () => {}, build: async () => true, restore: async () => {} };

const built = new Map();

function chooseBuilt(file, suite) {
  const [word, sanitizer] = suite.split(' ');
  if (word === 'native') return [suite.slice(0, suite.lastIndexOf(' ')), () => new Cores(sanitizer)];
  if (file.startsWith('src/')) return [moduleOf(suite), () => new Module(moduleOf(suite))];
  return /worker|threads/.test(suite) ? ['bundles', () => bundles] : ['nothing', () => nothing];
}

/** What a change of this file has to be built into before a suite runs, made ready; by 'native SANITIZER TARGET' or the name of a test file. */
export async function builtFor(file, suite) {
  const [name, open] = chooseBuilt(file, suite);
  if (!built.has(name)) {
    const one = open();
    await one.make();
    built.set(name, one);
  }
  return built.get(name);
}

/** Makes a change. */
export async function change(mutant) {
  const source = await readFile(join(root, mutant.file), 'utf8');
  await writeFile(join(tree, mutant.file), mutate(source, mutant));
}

/** Takes it back. */
export async function restore(mutant) {
  await copyFile(join(root, mutant.file), join(tree, mutant.file));
}
