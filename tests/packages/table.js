/** The table of README.md: the rows where nothing is needed by their names, the others with what each column needs. */

const open = '<!-- packages -->\n';
const close = '<!-- /packages -->';
const PLAIN = 'Nothing more is needed in: ';
const BETWEEN = ' · ';

const isPlain = (cells) => cells.every((cell) => cell === 'ok');

function bounds(text) {
  const [from, to] = [text.indexOf(open) + open.length, text.indexOf(close)];
  if (from < open.length || to < from) throw new Error('the document has no <!-- packages --> … <!-- /packages -->');
  return [from, to];
}

/** Map { row → its cells } as lines, in the order of the map. */
export function render(rows, columns) {
  const plain = [...rows].filter(([, cells]) => isPlain(cells)).map(([name]) => name);
  const others = [...rows].filter(([, cells]) => !isPlain(cells)).map(([name, cells]) => `| ${name} | ${cells.join(' | ')} |`);
  return `${PLAIN}${plain.join(BETWEEN)}.\n\n| | ${columns.join(' | ')} |\n|---|${columns.map(() => '---|').join('')}\n${others.join('\n')}\n`;
}

/** What the document says: Map { row → its cells }. */
export function read(text, columns) {
  const [plain, , ...lines] = text.slice(...bounds(text)).trim().split('\n');
  const names = plain.slice(PLAIN.length, -1).split(BETWEEN).filter(Boolean);
  const rows = lines.slice(2).map((line) => line.slice(2, -2).split(' | '));
  return new Map([...names.map((name) => [name, columns.map(() => 'ok')]), ...rows.map(([name, ...cells]) => [name, cells])]);
}

/** The document with these rows in it. */
export function write(text, rows, columns) {
  const [from, to] = bounds(text);
  return `${text.slice(0, from)}${render(rows, columns)}${text.slice(to)}`;
}
