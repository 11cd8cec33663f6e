/**
 * Sensible mistakes: { file, find, replace, suites, module }. `find` is in the file exactly once; `suites` are the test files
 * (tests/NAME.test.js) of which one must notice; `module` is what has to be built anew, of changes in src/.
 */
import { bindingMutants } from './binding.js';
import { coreMutants } from './core.js';

export const mutants = [...coreMutants, ...bindingMutants];

/** The file with the change made; an error where it no longer fits. */
export function mutate(source, { file, find, replace }) {
  const parts = source.split(find);
  if (parts.length !== 2) throw new Error(`${file} must hold this once, and holds it ${parts.length - 1} times: ${find}`);
  return parts.join(replace);
}

/** One line for a report. */
export const describe = ({ file, find, replace }) => `${file}: ${find.trim().replace(/\s+/g, ' ')} → ${replace.trim() || '(nothing)'}`;
