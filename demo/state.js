// The page's state: one table of properties, each mapped to the query string. A view is a link.
import { kindNames } from './measure/features.js';
import { pictureLength } from './measure/gap.js';
import { seedChoices } from './measure/gap_page.js';
import { featureCounts, featureMaps, firstMaps, plainMaps } from './measure/maps.js';
import { headChoices, imageLength, layers, sources } from './measure/heads.js';
import { learnableNames } from './measure/learned.js';
import { digitCounts, SHIPPED } from './measure/lessons.js';
import { dim as machineDim, firstInputs, rules, tokens } from './measure/machine.js';
import { memories, pairCounts, quantities, shares } from './measure/recall.js';
import { featureChoices, losses, stepChoices } from './measure/remedy.js';
import { beginnings, digitChoices } from './measure/race.js';

const oneOf = (values, initial) => ({
  initial,
  values,
  read: (text) => values.find((value) => String(value) === text),
  write: String,
});
const range = (least, most, initial) => ({
  initial,
  read: (text) => (/^\d+(\.\d+)?$/.test(text) && Number(text) >= least && Number(text) <= most ? Number(text) : undefined),
  write: String,
});
const integer = (least, most, initial) => {
  const property = range(least, most, initial);
  return { ...property, read: (text) => (/^\d+$/.test(text) ? property.read(text) : undefined) };
};
const flag = (initial) => ({ initial, read: (text) => ({ 0: false, 1: true })[text], write: (value) => (value ? '1' : '0') });
const someOf = (values, initial) => ({
  initial,
  values,
  read(text) {
    const chosen = text.split(',');
    return chosen.every((value) => values.includes(value)) ? values.filter((value) => chosen.includes(value)) : undefined;
  },
  write: (chosen) => chosen.join(','),
});

/** So many numbers of one decimal, from −9.9 to 9.9. */
const numbers = (count, initial) => ({
  initial,
  read(text) {
    const list = text.split(',');
    return list.length === count && list.every((one) => /^-?\d(\.\d)?$/.test(one)) ? list.map(Number) : undefined;
  },
  write: (list) => list.join(','),
});

const dims = [16, 32, 64, 128];
const headCounts = [1, 2, 4, 8];
const machine = firstInputs();
const machineNumbers = tokens * machineDim;

/** Each property: its initial value, and how it reads from and writes to text. */
export const properties = {
  'machine.rule': oneOf(rules, rules[0]),
  'machine.step': integer(0, 2 * tokens, 11),
  'machine.decay': range(0.1, 1, 0.7),
  'machine.beta': range(0, 1, 1),
  'machine.q': numbers(machineNumbers, machine.q),
  'machine.k': numbers(machineNumbers, machine.k),
  'machine.v': numbers(machineNumbers, machine.v),
  'machine.T': integer(2, 64, 24),
  'machine.d': integer(2, 32, 4),
  'kernel.map': oneOf(featureMaps, 'elu'),
  'kernel.source': oneOf(sources, sources[0]),
  'kernel.layer': oneOf(layers, 3),
  'kernel.head': oneOf(headChoices.slice(1), headChoices[1]),
  'kernel.digit': integer(0, 9, 4),
  'kernel.dim': oneOf(dims, 16),
  'kernel.norm': range(0.1, 4, 1),
  'kernel.seed': integer(0, 2 ** 32 - 1, 1),
  'kernel.features': oneOf(featureCounts, 256),
  'gap.source': oneOf(sources, sources[1]),
  'gap.digit': integer(0, 9, 4),
  'gap.layer': oneOf(layers, 3),
  'gap.head': oneOf(headChoices, headChoices[0]),
  'gap.dim': oneOf(dims, 64),
  'gap.heads': oneOf(headCounts, 4),
  'gap.length': oneOf([256, 512, 1024, 2048, 4096], 1024),
  'gap.imageLength': oneOf([128, 256, 512, imageLength], imageLength),
  'gap.seeds': oneOf(seedChoices, 3),
  'gap.causal': flag(false),
  'gap.norm': range(0.1, 4, 1),
  'gap.seed': integer(0, 2 ** 32 - 1, 1),
  'gap.maps': someOf(featureMaps, firstMaps),
  'gap.features': oneOf(featureCounts, 256),
  'remedy.source': oneOf(sources, sources[1]),
  'remedy.layer': oneOf(layers, 3),
  'remedy.head': oneOf(headChoices.slice(1), headChoices[3]),
  'remedy.map': oneOf(learnableNames, 'learned exp'),
  'remedy.features': oneOf(featureChoices, 64),
  'remedy.loss': oneOf(losses, losses[0]),
  'remedy.digits': oneOf(digitCounts, 10),
  'remedy.steps': oneOf(stepChoices, 200),
  'remedy.painting': integer(0, 2 ** 32 - 1, SHIPPED),
  'remedy.seed': integer(0, 2 ** 32 - 1, 0),
  'memory.dim': oneOf([16, 32, 64], 64),
  'memory.features': oneOf(featureCounts, 256),
  'memory.overwritten': oneOf(shares, shares[0]),
  'memory.decay': oneOf([0.9, 0.95, 0.98, 0.99], 0.98),
  'memory.pairs': oneOf(pairCounts.filter((count) => count >= 32), 128),
  'memory.show': oneOf(quantities, quantities[0]),
  'memory.memories': someOf(memories, memories),
  'memory.seed': integer(0, 2 ** 32 - 1, 1),
  'features.dim': oneOf(dims, 16),
  'features.length': oneOf([256, 512, 1024, 2048], 1024),
  'features.causal': flag(false),
  'features.norm': range(0.1, 4, 0.5),
  'features.seed': integer(0, 2 ** 32 - 1, 1),
  'features.kinds': someOf(kindNames, ['favor', 'hyperbolic favor', 'rff']),
  'weights.map': oneOf(featureMaps, 'elu'),
  'weights.second': oneOf(['difference', ...featureMaps], 'taylor'),
  'weights.head': integer(0, 7, 0),
  'weights.row': integer(0, pictureLength - 1, 11),
  'weights.column': integer(0, pictureLength - 1, 4),
  'time.dim': oneOf(dims, 64),
  'time.heads': oneOf(headCounts, 1),
  'time.map': oneOf(plainMaps, 'elu'),
  'time.causal': flag(false),
  'time.length': oneOf([2048, 4096, 8192, 16384, 32768, 65536], 16384),
  'time.budget': oneOf([1000, 2000, 4000, 8000, 16000], 4000),
  'stream.dim': oneOf(dims, 64),
  'stream.heads': oneOf(headCounts, 8),
  'stream.map': oneOf(plainMaps, 'elu'),
  'stream.length': oneOf([1024, 2048, 4096, 8192, 16384, 32768], 8192),
  'digits.digit': oneOf(digitChoices, 'all ten'),
  'digits.begin': oneOf(beginnings, 'nothing'),
  'digits.temperature': range(0, 1.5, 1),
  'digits.seed': integer(0, 2 ** 32 - 1, 7),
};

/** Values from a query string; what is missing or malformed takes its initial value. */
function readQuery(query) {
  const given = new URLSearchParams(query);
  const values = {};
  for (const [key, { initial, read }] of Object.entries(properties)) {
    const text = given.get(key);
    values[key] = (text === null ? undefined : read(text)) ?? initial;
  }
  return values;
}

/** The query string of values, without those that are initial: the plain address is the initial view. */
function writeQuery(values) {
  const query = new URLSearchParams();
  for (const [key, { initial, write }] of Object.entries(properties)) {
    const text = write(values[key]);
    if (text !== write(initial)) query.set(key, text);
  }
  return query.toString().replaceAll('%2C', ',');
}

/**
 * The state of the page in the address bar.
 * @returns {{ values: object, set(changes: object, options?: { step?: boolean }): void, subscribe(listener): void, pick(prefix: string): object }}
 */
export function createState() {
  const listeners = [];
  const values = readQuery(location.search);

  const apply = (next) => {
    const changed = new Set(Object.keys(properties).filter((key) => String(values[key]) !== String(next[key])));
    Object.assign(values, next);
    if (changed.size > 0) for (const listener of listeners) listener(changed);
  };
  addEventListener('popstate', () => apply(readQuery(location.search)));

  return {
    values,
    /** `step: false` amends the present view (a drag, a moving cursor) instead of adding one to go back to. */
    set(changes, { step = true } = {}) {
      const next = { ...values, ...changes };
      const query = writeQuery(next);
      const address = location.pathname + (query && `?${query}`) + location.hash;
      if (query !== writeQuery(values)) history[step ? 'pushState' : 'replaceState'](null, '', address);
      apply(next);
    },
    subscribe: (listener) => void listeners.push(listener),
    /** The values under a prefix, without it. */
    pick(prefix) {
      const own = Object.entries(values).filter(([key]) => key.startsWith(`${prefix}.`));
      return Object.fromEntries(own.map(([key, value]) => [key.slice(prefix.length + 1), value]));
    },
  };
}
