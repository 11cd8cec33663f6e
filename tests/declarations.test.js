// What an editor shows when a pointer rests on a name of the library: the comments of web/*.d.ts.
import assert from 'node:assert';
import { readdir, readFile } from 'node:fs/promises';
import { suite } from 'uvu';

const test = suite('declarations');
const folder = new URL('../web/', import.meta.url);
const files = (await readdir(folder)).filter((name) => name.endsWith('.d.ts'));
const LONGEST = 120;

/** Every member of an interface or an object type, and everything exported, with the lines of the comment above it. */
async function readDeclarations(name) {
  const lines = (await readFile(new URL(name, folder), 'utf8')).split('\n');
  const isMember = /^  (?:readonly )?(?:\w+|\[Symbol\.\w+\])(?:<.*?>)?\??[:(]/;
  const isExport = /^export (?:interface|type|class|function|const) \w/;
  const found = [];
  let within = '';
  lines.forEach((line, at) => {
    within = /^(?:export )?(?:interface|type|class) (\w+)/.exec(line)?.[1] ?? within;
    if ((!isMember.test(line) || line.endsWith(',')) && !isExport.test(line)) return; // parameters end with a comma
    const comment = [];
    for (let i = at - 1; i >= 0 && /^ *(?:\/\*\*|\*)/.test(lines[i]); i--) {
      comment.unshift(lines[i].replace(/^ *(?:\/\*\*|\*\/|\*) ?/, '').replace(/ ?\*\/$/, ''));
      if (/^ *\/\*\*/.test(lines[i])) break;
    }
    found.push({ where: `${name}:${at + 1} ${line.trim()}`, within, line, comment: comment.join('\n').trim().split('\n') });
  });
  return found;
}

const declarations = (await Promise.all(files.map(readDeclarations))).flat();

test('everything that can be typed has a comment, whose first line is short and stands alone', () => {
  assert.ok(declarations.length > 150);
  for (const { where, comment } of declarations) {
    assert.ok(comment[0].length > 0, `${where} has no comment`);
    assert.ok(comment[0].length <= LONGEST, `${where}: a first line of ${comment[0].length} letters`);
    assert.ok(comment.length === 1 || comment[1] === '', `${where}: details belong below a blank line`);
  }
});

test('every call of an instance has an example and says what it throws', () => {
  const calls = declarations.filter(({ within, line }) => within === 'Attention' && /^  \w+(?:<.*?>)?\(/.test(line) && !line.includes('dispose'));
  assert.equal(calls.length, 20);
  for (const { where, comment } of calls) {
    assert.ok(comment.some((line) => line.startsWith('@example ')), `${where} has no example`);
    assert.ok(comment.some((line) => line.startsWith('@throws ')), `${where} does not say what it throws`);
  }
});

test.run();
