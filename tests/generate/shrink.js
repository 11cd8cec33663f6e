/** Cases as text to be pasted, and the smallest case that still fails. */
import fc from 'fast-check';
import { AXES, isLegal } from './axes.js';

const axes = Object.keys(AXES);

/** `axis=value …`, leaving out what is simplest; parseCase reads it back. */
export function formatCase(one) {
  const told = axes.filter((axis) => one[axis] !== AXES[axis][0]).map((axis) => `${axis}=${String(one[axis]).replaceAll(' ', '_')}`);
  return [...told, `seed=${one.seed}`].join(' ');
}

export function parseCase(text) {
  const one = { ...Object.fromEntries(axes.map((axis) => [axis, AXES[axis][0]])), seed: 1 };
  for (const word of text.split(/\s+/).filter(Boolean)) {
    const [axis, told] = word.split('=');
    const value = axis === 'seed' ? Number(told) : AXES[axis]?.find((choice) => String(choice).replaceAll(' ', '_') === told);
    if (value === undefined || Number.isNaN(value)) throw new RangeError(`no axis has the value '${word}'`);
    one[axis] = value;
  }
  if (!isLegal(one)) throw new RangeError(`'${text}' is not a legal case`);
  return one;
}

export const rerun = (one) => `npm run fuzz -- --case '${formatCase(one)}'`;

/** The simplest failing case that fast-check reaches from this one, axis by axis, and its error. */
export async function shrinkCase(one, run) {
  const toCase = ([seed, ...choices]) => ({ ...Object.fromEntries(axes.map((axis, i) => [axis, AXES[axis][choices[i]]])), seed });
  const cases = fc
    .tuple(fc.nat(2 ** 31 - 1), ...axes.map((axis) => fc.nat(AXES[axis].length - 1)))
    .filter((choices) => isLegal(toCase(choices)));
  const found = await fc.check(fc.asyncProperty(cases, (choices) => run(toCase(choices))), {
    examples: [[[one.seed, ...axes.map((axis) => AXES[axis].indexOf(one[axis]))]]],
    numRuns: 1,
    interruptAfterTimeLimit: 20_000,
  });
  return found.failed ? { one: toCase(found.counterexample[0]), error: found.errorInstance } : { one, error: null };
}
