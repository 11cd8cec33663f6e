/** Cases over all axes: first so that every legal pair of values occurs, then at random. */
import { mulberry32 } from '../util.js';
import { AXES, isConsistent, isLegal } from './axes.js';

const axes = Object.keys(AXES);
const key = (a, x, b, y) => (axes.indexOf(a) < axes.indexOf(b) ? `${a}=${x}&${b}=${y}` : `${b}=${y}&${a}=${x}`);

/** Every pair of values of different axes that no rule forbids. */
function legalPairs() {
  const pairs = new Map();
  axes.forEach((a, i) => {
    for (const b of axes.slice(i + 1)) {
      for (const x of AXES[a]) for (const y of AXES[b]) if (isConsistent({ [a]: x, [b]: y })) pairs.set(key(a, x, b, y), [a, x, b, y]);
    }
  });
  return pairs;
}

function pairsOf(one) {
  return axes.flatMap((a, i) => axes.slice(i + 1).map((b) => key(a, one[a], b, one[b])));
}

function shuffle(list, uniform) {
  const mixed = [...list];
  for (let i = mixed.length - 1; i > 0; i--) {
    const j = Math.floor(uniform() * (i + 1));
    [mixed[i], mixed[j]] = [mixed[j], mixed[i]];
  }
  return mixed;
}

/** The map comes first: of most axes it allows one value alone, and they would hardly ever all agree on another than softmax. */
const inOrder = (names) => (names.includes('map') ? ['map', ...names.filter((name) => name !== 'map')] : names);

/** A legal case around what is set, axis by axis in random order; `score` chooses among the values. Null where it finds none. */
function complete(start, uniform, score) {
  for (let attempt = 0; attempt < 1000; attempt++) {
    const one = { ...start };
    for (const axis of inOrder(shuffle(axes.filter((name) => !(name in start)), uniform))) {
      const choices = shuffle(AXES[axis].filter((value) => isConsistent({ ...one, [axis]: value })), uniform);
      if (choices.length === 0) break;
      // Where greed leads to cases that cost too much, later attempts leave it to chance.
      const gains = choices.map((value) => (attempt < 3 ? score(one, axis, value) : 0));
      one[axis] = choices[gains.indexOf(Math.max(...gains))];
    }
    if (isLegal(one)) return Object.fromEntries(axes.map((axis) => [axis, one[axis]]));
  }
  return null;
}

/** Cases in which every legal pair occurs. Greedy all-pairs: each case begins with a pair that is missing and takes up as many others as it can. */
export function pairwiseCases(seed) {
  const uniform = mulberry32(seed);
  const missing = legalPairs();
  const cases = [];
  const gain = (one, axis, value) => Object.keys(one).reduce((sum, other) => sum + (missing.has(key(axis, value, other, one[other])) ? 1 : 0), 0);
  while (missing.size > 0) {
    const [name, [a, x, b, y]] = missing.entries().next().value;
    const one = complete({ [a]: x, [b]: y }, uniform, gain);
    if (one === null) throw new Error(`no legal case has ${name}: add the rule that forbids it`);
    for (const pair of pairsOf(one)) missing.delete(pair);
    cases.push({ ...one, seed: cases.length + 1 });
  }
  return cases;
}

/** `count` cases in which every axis is drawn, but those that are `set`. */
export function randomCases(count, seed, set = {}) {
  const uniform = mulberry32(seed);
  return Array.from({ length: count }, () => ({ ...complete(set, uniform, () => 0), seed: Math.floor(uniform() * 2 ** 31) }));
}

/** How many of the legal pairs the cases hold: { text, covered, legal }, the text a table of axes × axes. */
export function coverage(cases) {
  const seen = new Set(cases.flatMap(pairsOf));
  const counts = {};
  let covered = 0;
  const legal = legalPairs();
  for (const [name, [a, , b]] of legal) {
    const cell = ((counts[a] ??= {})[b] ??= [0, 0]);
    cell[1]++;
    if (seen.has(name)) covered++, cell[0]++;
  }
  const across = axes.slice(1);
  const width = Math.max(...axes.map((name) => name.length));
  const rows = axes.slice(0, -1).map((a) => a.padEnd(width) + across.map((b) => (counts[a][b] ? counts[a][b].join('/') : '').padStart(width)).join(''));
  return { covered, legal: legal.size, text: [' '.repeat(width) + across.map((b) => b.padStart(width)).join(''), ...rows].join('\n') };
}
