// The architecture, drawn from the sources: who includes and imports whom, and how large the files are.
import assert from 'node:assert';
import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';

const test = suite('structure');
const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * Folders from the bottom up, those of one row beside each other; '.' holds what users see. A file may use what is in its
 * own folder and in rows below, so a folder that is missing here is refused.
 */
const layers = {
  src: [['.'], ['base'], ['threads', 'nn'], ['maps'], ['softmax', 'linear'], ['gap'], ['learn']],
  web: [['core'], ['threads', 'maps', 'nn'], ['calls'], ['learn'], ['.']],
};

/** The text of every file below a folder with one of these endings, by its path in the folder; generated and installed ones aside. */
async function readSources(folder, endings) {
  const names = (await readdir(root + folder, { recursive: true })).map((name) => name.replaceAll('\\', '/'));
  const wanted = names.filter((name) => endings.some((ending) => name.endsWith(ending)) && !/^dist\/|(^|\/)node_modules\//.test(name)).sort();
  return new Map(await Promise.all(wanted.map(async (name) => [name, await readFile(`${root}${folder}/${name}`, 'utf8')])));
}

const matches = (text, pattern) => [...text.matchAll(pattern)].map(([, found]) => found);

/** Each source with what it includes, both as paths in src/. */
const includesOf = (sources) => new Map([...sources].map(([path, text]) => [path, matches(text, /^#include "([^"]+)"/gm)]));

/** Each module with what it imports or re-exports of its own package, types included; declarations stand for themselves. */
function importsOf(sources) {
  const resolve = (path, specifier) => {
    const target = posix.join(posix.dirname(path), specifier);
    return path.endsWith('.d.ts') ? target.replace(/\.js$/, '.d.ts') : target;
  };
  const specifiers = (text) => matches(text, /(?:^(?:import|export)\b[^'";]*?\bfrom |^import |\bimport\()'(\.[^']+)'/gm);
  return new Map([...sources].map(([path, text]) => [path, specifiers(text).map((specifier) => resolve(path, specifier))]));
}

/** A circle of arrows, first node again at the end, or null. */
function findCircle(graph) {
  const done = new Set();
  const visit = (node, path) => {
    if (path.includes(node)) return [...path.slice(path.indexOf(node)), node];
    if (done.has(node)) return null;
    for (const next of graph.get(node) ?? []) {
      const circle = visit(next, [...path, node]);
      if (circle) return circle;
    }
    done.add(node);
    return null;
  };
  for (const node of graph.keys()) {
    const circle = visit(node, []);
    if (circle) return circle;
  }
  return null;
}

/** Arrows to a row above, or to a neighbour in one's own row. */
function findUpward(graph, rows) {
  const rank = (path) => rows.findIndex((row) => row.includes(dirname(path)));
  const wrong = [];
  for (const [path, targets] of graph) {
    assert.ok(rank(path) >= 0, `${path} is in a folder that the table of layers does not have`);
    for (const target of targets) {
      if (dirname(target) !== dirname(path) && !(rank(target) < rank(path))) wrong.push(`${path} → ${target}`);
    }
  }
  return wrong;
}

/** Functions that a header declares for another file to define. */
const declaredIn = (header) => matches(header.replace(/\/\*[^]*?\*\//g, ''), /^(?!static|typedef|#| )[\w *]+?\b(\w+)\([^;{}]*\);/gm);
const defines = (source, name) => new RegExp(`^(?!static|#| )[\\w *]+?\\b${name}\\([^;{}]*\\) \\{`, 'm').test(source);

test('circles and arrows upwards are seen where there are some', () => {
  const graph = new Map(Object.entries({ 'base/a.h': ['base/b.h'], 'base/b.h': ['base/c.h'], 'base/c.h': ['base/b.h', 'gap/g.h'], 'gap/g.h': [] }));
  assert.deepEqual(findCircle(graph), ['base/b.h', 'base/c.h', 'base/b.h']);
  assert.deepEqual(findUpward(graph, layers.src), ['base/c.h → gap/g.h']);
  const beside = new Map(Object.entries({ 'softmax/a.c': ['linear/b.h'], 'linear/b.h': ['.'] }));
  assert.deepEqual(findUpward(beside, layers.src), ['softmax/a.c → linear/b.h']);
});

test('src: every header declares what one file defines, and includes go downwards without a circle', async () => {
  const sources = await readSources('src', ['.c', '.h']);
  const includes = includesOf(sources);
  for (const [path, targets] of includes) for (const target of targets) assert.ok(sources.has(target), `${path} includes ${target}, which is not there`);
  assert.deepEqual(findUpward(includes, layers.src), []);
  assert.equal(findCircle(includes), null);

  for (const [path, text] of sources) {
    if (!path.endsWith('.h') || dirname(path) === '.') continue;
    const homes = new Set(declaredIn(text).map((name) => [...sources.keys()].find((other) => other.endsWith('.c') && defines(sources.get(other), name)) ?? `nowhere: ${name}`));
    assert.ok(homes.size <= 1, `${path} declares functions of ${[...homes].join(', ')}`);
  }
});

test('src: no two files of one name, which a debugger and an object folder would mix up', async () => {
  const names = [...(await readSources('src', ['.c', '.h'])).keys()].map((path) => basename(path));
  assert.deepEqual(names.filter((name, i) => names.indexOf(name) !== i), []);
});

test('web: imports go downwards without a circle, of modules and of declarations', async () => {
  const sources = await readSources('web', ['.js', '.d.ts']);
  const imports = importsOf(sources);
  assert.ok(imports.get('index.js').includes('create.js'));
  for (const [path, targets] of imports) for (const target of targets.filter((one) => !one.startsWith('dist/'))) assert.ok(sources.has(target), `${path} imports ${target}, which is not there`);
  const inside = new Map([...imports].map(([path, targets]) => [path, targets.filter((target) => sources.has(target))]));
  assert.deepEqual(findUpward(inside, layers.web), []);
  assert.equal(findCircle(inside), null);
});

test('no file is longer than 300 lines', async () => {
  for (const [folder, endings] of [['src', ['.c', '.h']], ['web', ['.js']], ['demo', ['.js']]]) {
    for (const [path, text] of await readSources(folder, endings)) {
      const lines = text.trimEnd().split('\n').length;
      assert.ok(lines <= 300, `${folder}/${path} has ${lines} lines`);
    }
  }
});

test.run();
