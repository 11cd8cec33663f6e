/** The options of softmax(), taken: many, of which a call has few. To ask a plain object for all it lacks costs microseconds. */
import { checkOptions, optionTakers, takeAsIs, takeKeyLengths } from '../core/given.js';
import { takeBias } from './bias.js';

const NAMES = ['causal', 'scale', 'causalOffset', 'window', 'sinks', 'softcap', 'bias', 'keyLengths', 'lengths', 'starts', 'sequences', 'cache', 'layout'];
const knowing = (names) => optionTakers(Object.fromEntries(names.map((name) => [name, takeAsIs])));

export const PART_OPTIONS = knowing(NAMES);
/** Of softmaxGradient(): a cache has none. */
export const GRADIENT_OPTIONS = knowing([...NAMES.filter((name) => name !== 'cache'), 'biasGradient']);
export const SOFTMAX_OPTIONS = knowing([...NAMES, 'out']);

const noOptions = () => ({
  causal: undefined, scale: undefined, causalOffset: undefined, window: undefined, sinks: undefined, softcap: undefined, bias: undefined,
  keyLengths: undefined, lengths: undefined, starts: undefined, sequences: undefined, cache: undefined, layout: undefined, out: undefined, biasGradient: undefined,
});

const takeList = (name, list) => (list === undefined ? undefined : takeKeyLengths(name, list));

export function takeSoftmaxOptions(where, options, takers) {
  const taken = noOptions();
  if (options === undefined) return taken;
  checkOptions(where, options, takers);
  const isPlain = Object.getPrototypeOf(options) === Object.prototype;
  const names = isPlain ? Object.keys(options) : takers.names;
  for (let i = 0; i < names.length; i++) if (!isPlain || takers.known.has(names[i])) taken[names[i]] = options[names[i]];
  if (taken.bias !== undefined) taken.bias = takeBias('bias', taken.bias);
  taken.keyLengths = takeList('keyLengths', taken.keyLengths);
  taken.lengths = takeList('lengths', taken.lengths);
  taken.starts = takeList('starts', taken.starts);
  taken.sequences = takeList('sequences', taken.sequences);
  return taken;
}
