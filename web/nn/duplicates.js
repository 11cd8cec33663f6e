/** Where the string lies that begins at `at`, a quotation mark: the place of its last one. */
function endOfString(text, at) {
  for (at++; text[at] !== '"'; at++) if (text[at] === '\\') at++;
  return at;
}

const isSpace = (character) => character === ' ' || character === '\n' || character === '\r' || character === '\t';

/**
 * The first name that an object has twice in a text that JSON.parse has read, of which it keeps the last without a word;
 * undefined where there is none.
 */
export function findDuplicate(text) {
  /** The names seen in every object or array that is open at this place; arrays have none. */
  const open = [];
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === '{' || character === '[') open.push(new Set());
    else if (character === '}' || character === ']') open.pop();
    else if (character === '"') {
      const from = at;
      at = endOfString(text, at);
      const end = at + 1;
      while (isSpace(text[at + 1])) at++;
      if (text[at + 1] !== ':') continue;
      const name = JSON.parse(text.slice(from, end));
      const names = open.at(-1);
      if (names.has(name)) return name;
      names.add(name);
    }
  }
  return undefined;
}
