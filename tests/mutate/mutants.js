/**
 * Sensible mistakes: { file, find, replace, suites, equivalent }. `find` is in the file exactly once; `suites` are test files
 * (tests/NAME.test.js) of which one must notice, or 'native SANITIZER TARGET'; `equivalent` says why none can, and has it left out.
 */
import { bindingMutants } from './binding.js';
import { callMutants } from './calls.js';
import { coreMutants } from './core.js';
import { learnMutants } from './learn.js';

export const mutants = [...coreMutants, ...bindingMutants, ...callMutants, ...learnMutants];

/** The file with the change made; an error where it no longer fits. */
export function mutate(source, { file, find, replace }) {
  const parts = source.split(find);
  if (parts.length !== 2) throw new Error(`${file} must hold this once, and holds it ${parts.length - 1} times: ${find}`);
  return parts.join(replace);
}

/** One line for a report. */
export const describe = ({ file, find, replace }) => `${file}: ${find.trim().replace(/\s+/g, ' ')} → ${replace.trim() || '(nothing)'}`;
