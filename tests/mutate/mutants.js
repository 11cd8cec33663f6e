/**
 * Sensible mistakes: { file, find, replace, suites, equivalent }. `find` is in the file exactly once; `suites` are test files
 * (tests/NAME.test.js) of which one must notice, or 'native SANITIZER TARGET'; `equivalent` says why none can, and has it left out.
 */
import { bindingMutants } from './binding.js';
import { callMutants } from './calls.js';
import { coreMutants } from './core.js';
import { learnMutants } from './learn.js';

export const mutants = [...coreMutants, ...bindingMutants, ...callMutants, ...learnMutants];

/** By the beginning of a path: suites of a build that are about what lies there, and so the likeliest to notice. */
const closest = {
  'src/base/exp': ['exp', 'exp map'],
  'src/base/': ['memory', 'feature maps', 'linear', 'long, gates'],
  'src/linear/step': ['state', 'rows of a state', 'ragged batches', 'scaled', 'family'],
  'src/linear/absorb': ['absorb', 'family'],
  'src/linear/full': ['linear', 'sizes'],
  'src/linear/state': ['state', 'saved state', 'scaled', 'parts merged', 'ratio', 'long, gates'],
  'src/linear/exponents': ['scaled', 'exp map', 'linear', 'ragged batches'],
  'src/linear/settle': ['scaled', 'long, gates', 'long'],
  'src/linear/fold': ['scaled', 'family', 'long, gates'],
  'src/linear/panels': ['scaled', 'state', 'long, gates', 'long'],
  'src/linear/tokens': ['family', 'scaled', 'ratio', 'long, gates'],
  'src/linear/': ['linear', 'heads', 'family', 'ragged batches', 'state', 'scaled', 'arguments of calls', 'sequences'],
  'src/softmax/spans': ['ragged softmax', 'softmax options', 'cache'],
  'src/softmax/scores': ['softmax options', 'softmax'],
  'src/softmax/decode': ['softmax', 'cache', 'softmax options'],
  'src/softmax/': ['softmax', 'cache', 'softmax options', 'ragged softmax', 'long softmax'],
  'src/maps/': ['feature maps', 'exp map', 'linear', 'arguments of maps', 'scaled'],
  'src/gap/': ['gap', 'feature maps'],
  'src/nn/': ['nn', 'sampler'],
  'web/calls/cache': ['cache verbs', 'cache', 'ragged softmax', 'saved cache'],
  'web/calls/gates': ['arguments of calls', 'values that are given', 'properties', 'family', 'packed', 'presets'],
  'web/calls/history': ['tokens taken back'],
  'web/calls/merge': ['parts merged'],
  'web/calls/transition': ['parts merged', 'saved state'],
  'web/calls/linear': ['arguments of calls', 'aliases', 'lifetime', 'pieces', 'linear', 'state'],
  'web/calls/pieces': ['pieces'],
  'web/calls/positions': ['ragged batches', 'state'],
  'web/calls/softmax': ['arguments of calls', 'ragged softmax', 'cache verbs', 'softmax options', 'cache'],
  'web/calls/row_lengths': ['ragged batches', 'ragged softmax', 'arguments of calls'],
  'web/calls/bias': ['softmax options'],
  'web/calls/state': ['arguments of objects', 'aliases', 'rows of a state', 'ratio', 'lifetime', 'saved state', 'state', 'exp map'],
  'web/calls/': ['arguments of calls', 'aliases', 'sequences', 'heads', 'lifetime', 'state', 'linear'],
  'web/core/': ['what is given', 'arguments of calls', 'aliases', 'lifetime', 'memory'],
  'web/maps/': ['saved map', 'feature maps', 'arguments of maps', 'saved state'],
};

export const closestTo = (file) => closest[Object.keys(closest).find((start) => file.startsWith(start))] ?? [];

/** The file with the change made; an error where it no longer fits. */
export function mutate(source, { file, find, replace }) {
  const parts = source.split(find);
  if (parts.length !== 2) throw new Error(`${file} must hold this once, and holds it ${parts.length - 1} times: ${find}`);
  return parts.join(replace);
}

/** One line for a report. */
export const describe = ({ file, find, replace }) => `${file}: ${find.trim().replace(/\s+/g, ' ')} → ${replace.trim() || '(nothing)'}`;
