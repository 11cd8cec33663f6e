// The package as its users get it: what is in it, and that it installs, imports, bundles and type-checks.
import assert from 'node:assert';
import { execFile } from 'node:child_process';
import { copyFile, cp, mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build as esbuild } from 'esbuild';
import { suite } from 'uvu';
import { version } from '../web/index.js';
import { consumer, nodeJson, packedPaths, root, viteApp, writeApp } from './consumer.js';
import * as oracle from './oracle.js';
import { assertClose } from './tolerance.js';

const run = promisify(execFile);
const test = suite('package');
const read = (path, encoding) => readFile(join(root, path), encoding);
const readJson = async (path) => JSON.parse(await read(path, 'utf8'));

const sources = (await readdir(join(root, 'web'), { recursive: true })).filter((name) => name.endsWith('.js') && !name.startsWith('dist')).map((name) => `web/${name.replaceAll('\\', '/')}`);

const place = (name) => `web/dist/${name}.wasm`;
const modules = ['simd', 'relaxed', 'simd-threads', 'relaxed-threads'].map(place);
const learnModules = ['learn', 'learn-relaxed', 'learn-threads', 'learn-relaxed-threads'].map(place);

/** Source of a program that prints, as JSON, attention over small fixed inputs. */
const program = (entry) => `import { createAttention } from '${entry}';
const attention = await createAttention();
const { q, k, v } = ${JSON.stringify(smallInputs((x) => x))};
const tensor = ({ data, shape }) => ({ data: Float32Array.from(data), shape });
const inputs = [q, k, v].map(tensor);
console.log(JSON.stringify({
  linear: Array.from((await attention.linear(...inputs)).data),
  softmax: Array.from((await attention.softmax(...inputs, { causal: true })).data),
}));
`;

function smallInputs(convert) {
  const make = (seed, width) => ({
    data: convert(Array.from({ length: 5 * width }, (_, i) => Math.fround(Math.sin(seed + i)))),
    shape: [1, 1, 5, width],
  });
  return { q: make(1, 3), k: make(2, 3), v: make(3, 2) };
}

/** Throws unless the program's output is attention, by the float64 formulas. */
function assertAttention(printed) {
  const { q, k, v } = smallInputs((data) => Float32Array.from(data));
  assertClose(printed.linear, oracle.linear(q, k, v).o, { rule: 'linear' });
  assertClose(printed.softmax, oracle.softmax(q, k, v, { causal: true }), { rule: 'softmax' });
}

const importsOf = async (path) => WebAssembly.Module.imports(new WebAssembly.Module(await read(path)));

test('holds exactly the files that it needs', async () => {
  const expected = [
    'CHANGELOG.md',
    'LICENSE',
    'README.md',
    'SECURITY.md',
    'package.json',
    'demo/screenshot.png',
    'tests/bench/README.md',
    'web/README.md',
    ...sources,
    'web/dist/comlink.js',
    'web/dist/thread.js',
    'web/dist/worker-thread.js',
    'web/dist/learn-worker-thread.js',
    'web/dist/inline-simd.js',
    ...modules,
    ...learnModules,
    'web/attention.d.ts',
    'web/cache.d.ts',
    'web/calls.d.ts',
    'web/distill.d.ts',
    'web/feature_map.d.ts',
    'web/gap.d.ts',
    'web/host.d.ts',
    'web/index.d.ts',
    'web/learn.d.ts',
    'web/learn_worker.d.ts',
    'web/onnx.d.ts',
    'web/nn.d.ts',
    'web/presets.d.ts',
    'web/softmax.d.ts',
    'web/state.d.ts',
    'web/tensor.d.ts',
    'web/worker.d.ts',
  ];
  assert.deepEqual([...(await packedPaths())].sort(), expected.sort());
});

test('has an exported file behind every entry', async () => {
  const { exports } = await readJson('package.json');
  const packed = new Set((await packedPaths()).map((path) => `./${path}`));
  const targets = Object.values(exports).flatMap((target) =>
    typeof target === 'string' ? [target] : Object.values(target),
  );
  assert.ok(targets.length > 0);
  assert.deepEqual(
    targets.filter((target) => !packed.has(target)),
    [],
  );
});

test('has no run-time dependencies', async () => {
  const { dependencies = {}, optionalDependencies = {}, peerDependencies = {} } = await readJson('package.json');
  assert.deepEqual({ ...dependencies, ...optionalDependencies, ...peerDependencies }, {});
});

test('exports the version of package.json', async () => {
  assert.equal(version, (await readJson('package.json')).version);
});

test('compiles no source text at run time', async () => {
  assert.ok(sources.length > 0);
  for (const path of [...sources, 'web/dist/inline-simd.js']) {
    assert.doesNotMatch(await read(path, 'utf8'), /\beval\s*\(|\bnew\s+Function\b|\bFunction\s*\(/, path);
  }
});

test('asks one function of its host, to hear of memory growth, and with threads a memory', async () => {
  const growth = { module: 'env', name: 'emscripten_notify_memory_growth', kind: 'function' };
  const memory = { module: 'env', name: 'memory', kind: 'memory' };
  for (const path of [...modules, ...learnModules, place('scalar'), place('learn-scalar')]) {
    const imports = (await importsOf(path)).sort((a, b) => a.name.localeCompare(b.name));
    assert.deepEqual(imports, path.includes('threads') ? [growth, memory] : [growth], path);
  }
});

test('embeds the wasm that it also ships as a file', async () => {
  const { default: base64 } = await import('../web/dist/inline-simd.js');
  assert.ok(
    Buffer.from(base64, 'base64').equals(await read('web/dist/simd.wasm')),
    'inline-simd.js differs from simd.wasm',
  );
});

test('locks its development packages without naming a registry host', async () => {
  for (const folder of ['', 'tests/packages/', 'tests/bench/peers/', 'demo/segments/']) {
    const { packages } = await readJson(`${folder}package-lock.json`);
    assert.ok(Object.keys(packages).length > 1);
    assert.deepEqual(
      Object.keys(packages).filter((name) => 'resolved' in packages[name]),
      [],
      folder,
    );
  }
});

test('only the modules of learn have gradients, and all else that the others have', async () => {
  const exportsOf = async (path) => WebAssembly.Module.exports(new WebAssembly.Module(await read(path))).map(({ name }) => name).filter((name) => name.startsWith('la_'));
  const learned = ['la_adam', 'la_distill', 'la_linear_gradient', 'la_softmax_gradient', 'la_weights_gradient'];
  for (const [i, path] of modules.entries()) {
    const own = await exportsOf(path);
    assert.deepEqual(own.filter((name) => learned.includes(name)), [], path);
    assert.deepEqual((await exportsOf(learnModules[i])).sort(), [...own, ...learned].sort(), learnModules[i]);
  }
});

test('who does not learn loads nothing of it: the other entries import none of its files', async () => {
  for (const entry of ['index', 'inline', 'worker', 'onnx', 'nn', 'worker-thread']) {
    const { metafile } = await esbuild({ entryPoints: [join(root, `web/${entry}.js`)], absWorkingDir: root, bundle: true, write: false, metafile: true, format: 'esm', logLevel: 'silent' });
    assert.deepEqual(Object.keys(metafile.inputs).filter((path) => path.includes('learn')), [], entry);
  }
});

test('the scripts of Workers need no neighbour', async () => {
  for (const name of ['worker-thread.js', 'learn-worker-thread.js', 'thread.js']) {
    const { metafile } = await esbuild({ entryPoints: [join(root, 'web/dist', name)], absWorkingDir: root, bundle: true, write: false, metafile: true, format: 'esm', logLevel: 'silent' });
    assert.deepEqual(Object.keys(metafile.inputs), [`web/dist/${name}`]);
    assert.doesNotMatch(await read(`web/dist/${name}`, 'utf8'), /new URL\("\.\.?\//);
  }
});

for (const entry of ['linear-attention-wasm', 'linear-attention-wasm/inline', 'linear-attention-wasm/worker', 'linear-attention-wasm/learn', 'linear-attention-wasm/learn/worker']) {
  test(`${entry} computes attention, installed from the tarball into another project`, async () => {
    const folder = await writeApp('node', { 'main.js': program(entry) });
    assertAttention(await nodeJson(join(folder, 'main.js'), folder));
  });
}

test('builds with Vite, which emits the wasm files', async () => {
  const { dist, warnings } = await viteApp();
  assert.deepEqual(warnings, []);
  const wasm = (await readdir(join(dist, 'assets'))).filter((name) => name.endsWith('.wasm'));
  const emitted = await Promise.all(wasm.map((name) => readFile(join(dist, 'assets', name), 'latin1')));
  const shipped = await Promise.all(modules.map((path) => read(path, 'latin1')));
  assert.deepEqual(emitted.sort(), shipped.sort());
});

/** Bundles the program by esbuild, and returns the bundle's path and esbuild's warnings. */
async function bundle(name, entry) {
  const folder = await writeApp(name, { 'main.js': program(entry) });
  const outfile = join(folder, 'out', 'main.mjs');
  const { warnings } = await esbuild({
    entryPoints: [join(folder, 'main.js')],
    bundle: true,
    format: 'esm',
    outfile,
    logLevel: 'silent',
  });
  assert.deepEqual(warnings, []);
  return { outfile, out: join(folder, 'out') };
}

test('builds with esbuild, and runs with the wasm files copied beside the bundle', async () => {
  const { outfile, out } = await bundle('esbuild', 'linear-attention-wasm');
  await cp(join(await consumer(), 'node_modules/linear-attention-wasm/web/dist'), join(out, 'dist'), { recursive: true });
  assertAttention(await nodeJson(outfile, out));
});

test('builds with esbuild into one file with embedded wasm', async () => {
  const { outfile, out } = await bundle('esbuild-inline', 'linear-attention-wasm/inline');
  assert.deepEqual(await readdir(out), ['main.mjs']);
  assertAttention(await nodeJson(outfile, out));
});

const resolutions = [
  ['nodenext', ['--module', 'nodenext']],
  ['bundler', ['--module', 'esnext', '--moduleResolution', 'bundler']],
];
const typed = await readdir(join(root, 'tests/types'));

/** How the TypeScript compiler ends on a file of tests/types in another project, and what it has to say. */
async function typeCheck(file, lib, options) {
  const folder = join(await consumer(), 'types');
  await mkdir(folder, { recursive: true });
  await copyFile(join(root, 'tests/types', file), join(folder, file));
  const compiler = join(root, 'node_modules/typescript/bin/tsc');
  const common = ['--noEmit', '--strict', '--skipLibCheck', 'false', '--target', 'es2022', '--lib', lib, '--types', ''];
  return run(process.execPath, [compiler, ...common, ...options, file], { cwd: folder }).then(
    ({ stdout }) => ({ code: 0, stdout }),
    (error) => error,
  );
}

for (const [file, name, options] of typed.flatMap((file) => resolutions.map((resolution) => [file, ...resolution]))) {
  test(`${file} type-checks strictly in another project, resolved by ${name}`, async () => {
    const { code, stdout } = await typeCheck(file, file === 'bare.ts' ? 'es2022' : 'es2022,esnext.disposable,dom', options);
    assert.equal(code, 0, stdout);
  });
}

test.run();
