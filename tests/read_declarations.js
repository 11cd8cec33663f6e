/** What web/*.d.ts declares, read from its text: types with their members and what they build on, and functions. */
import { readdir, readFile } from 'node:fs/promises';

const folder = new URL('../web/', import.meta.url);

/** Of every member: `  name?: type;`, `  readonly name: type;`, `  name<T>(parameters): type;`, at any depth. */
const MEMBER = /^ +(?:readonly )?(\w+|\[Symbol\.\w+\])(?:<.*?>)?(\??)([:(])/;
const DECLARATION = /^(export )?(interface|type|class|function|const) (\w+)/;

/** The lines of the comment that ends just above a line. */
function commentAbove(lines, at) {
  const comment = [];
  for (let i = at - 1; i >= 0 && /^ *(?:\/\*\*|\*)/.test(lines[i]); i--) {
    comment.unshift(lines[i].replace(/^ *(?:\/\*\*|\*\/|\*) ?/, '').replace(/ ?\*\/$/, ''));
    if (/^ *\/\*\*/.test(lines[i])) break;
  }
  return comment.join('\n').trim().split('\n');
}

/** The names of the parameters in `(…)` that begins at `from`, with a `?` behind those that may be left out. */
export function parametersOf(text, from = text.indexOf('(')) {
  const parts = [''];
  let depth = 0;
  for (const letter of text.slice(from)) {
    if ('([{<'.includes(letter) && ++depth === 1) continue;
    if (')]}>'.includes(letter) && --depth === 0) break;
    if (letter === ',' && depth === 1) parts.push('');
    else parts[parts.length - 1] += letter;
  }
  return parts.map((part) => /^\s*(\w+\??)/.exec(part)?.[1]).filter((name) => name !== undefined).join(', ');
}

/** Where a declaration ends: with its closing brace, or its semicolon. */
function endOf(lines, at, kind) {
  const last = kind === 'interface' || kind === 'class' ? /^\}|\{\}$/ : /;$/;
  for (let i = at; i < lines.length; i++) if (last.test(lines[i]) && !/^ {2,}(?!\|| *[})])/.test(lines[i])) return i + 1;
  return lines.length;
}

/** [{ name, keep }]: the types that a type builds on, and which of their members it takes. */
function basesOf(body) {
  let outside = '';
  let depth = 0;
  for (const letter of body.replace(/\/\*\*[^]*?\*\//g, '')) {
    if (letter === '{') depth++;
    else if (letter === '}') depth--;
    else if (depth === 0) outside += letter;
  }
  const bases = [];
  const words = (list) => [...list.matchAll(/'(\w+)'/g)].map(([, word]) => word);
  let plain = outside;
  // Type parameters have no members, but the names that Omit and Pick list are in quotes.
  for (let before = ''; before !== plain; ) [before, plain] = [plain, plain.replace(/<[^<>']*>/g, '')];
  const rest = plain.replace(/^(?:export )?(?:interface \w+|type \w+ =)/, '').replace(/\b(Omit|Without|Pick)<(\w+), ([^>]*)>/g, (all, verb, name, list) => {
    const named = words(list);
    bases.push({ name, keep: (member) => named.includes(member) === (verb === 'Pick') });
    return '';
  });
  for (const [name] of rest.matchAll(/\b[A-Z]\w+\b/g)) bases.push({ name, keep: () => true });
  return bases;
}

function readFileOf(name, text) {
  const lines = text.split('\n');
  const declarations = [];
  lines.forEach((line, at) => {
    const [, exported, kind, word] = DECLARATION.exec(line) ?? [];
    if (word === undefined) return;
    const end = endOf(lines, at, kind);
    const body = lines.slice(at, end).join('\n');
    const members = [];
    for (let i = at + 1; i < end && kind !== 'function'; i++) {
      const [, member, optional, sign] = MEMBER.exec(lines[i]) ?? [];
      if (member === undefined || lines[i].endsWith(',')) continue; // parameters end with a comma
      const isMethod = sign === '(';
      members.push({ name: member, isOptional: optional === '?', isMethod, parameters: isMethod ? parametersOf(lines.slice(i, end).join('\n')) : undefined, line: lines[i], at: i, comment: commentAbove(lines, i) });
    }
    const head = kind === 'interface' ? body.slice(0, body.indexOf('{')) : kind === 'type' ? body : '';
    declarations.push({ file: name, kind, name: word, isExported: exported !== undefined, at, line, body, members, comment: commentAbove(lines, at), bases: basesOf(head), parameters: kind === 'function' ? parametersOf(body) : undefined });
  });
  return declarations;
}

/** Every declaration: { file, kind, name, isExported, at, line, body, members, comment, bases, parameters }. */
export async function readDeclarations() {
  const files = (await readdir(folder)).filter((name) => name.endsWith('.d.ts'));
  return (await Promise.all(files.map(async (name) => readFileOf(name, await readFile(new URL(name, folder), 'utf8'))))).flat();
}

/** By name, every member of a type, those of what it builds on as well: as often as it is declared, and in an interface the last time. */
export function membersOf(declarations, name, seen = []) {
  const found = new Map();
  const add = (member) => found.set(member.name, [...(found.get(member.name) ?? []), member]);
  const declared = declarations.find((one) => one.name === name && (one.kind === 'interface' || one.kind === 'type' || one.kind === 'class'));
  if (declared === undefined || seen.includes(name)) return found;
  declared.members.forEach(add);
  for (const base of declared.bases) {
    for (const [word, variants] of membersOf(declarations, base.name, [...seen, name])) if (base.keep(word) && !(declared.kind === 'interface' && declared.members.some((member) => member.name === word))) variants.forEach(add);
  }
  return found;
}

/** What a comment says of the default, or undefined. */
export const defaultIn = (comment) => /\bDefault:? ([^]+?)\.(?=\s|$)/.exec(comment.join(' ').replace(/ +/g, ' '))?.[1];
