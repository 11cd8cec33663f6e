// What an editor shows when a pointer rests on a name of the library: the comments of web/*.d.ts.
import assert from 'node:assert';
import { suite } from 'uvu';
import { readDeclarations } from './read_declarations.js';

const test = suite('declarations');
const LONGEST = 120;

/** Everything exported, and every member of an interface or an object type. */
const declarations = (await readDeclarations()).flatMap(({ file, name, isExported, at, line, comment, members }) => {
  const placed = (one) => ({ where: `${file}:${one.at + 1} ${one.line.trim()}`, within: name, line: one.line, comment: one.comment });
  return [...(isExported ? [placed({ at, line, comment })] : []), ...members.map(placed)];
});

test('everything that can be typed has a comment, whose first line is short and stands alone', () => {
  assert.ok(declarations.length > 300, `${declarations.length}`);
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
