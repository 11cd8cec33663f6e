// The same sequence in one process, which never cuts it, and how far a cut one is from that.
import { rules } from './draw.js';
import { answerPart, openState } from './jobs.js';

/** { rows, sums }: the sampled rows of every part, and S, as one pass leaves it; { ms } that it took. */
export async function onePass(attention, settings) {
  const state = openState(attention, settings);
  const started = performance.now();
  const rows = [];
  try {
    for (let part = 0; part < settings.parts; part++) rows.push(await answerPart(attention, settings, state, part));
    return { rows, sums: state.data, ms: performance.now() - started };
  } finally {
    state.dispose();
  }
}

/** ‖a − b‖/‖b‖ of lists of arrays; not a number where a number is missing. */
function relativeError(got, expected) {
  let [difference, size] = [0, 0];
  expected.forEach((b, n) => b.forEach((x, i) => {
    difference += (got[n][i] - x) ** 2;
    size += x * x;
  }));
  return Math.sqrt(difference / size);
}

/** How far from one pass outputs may be: what the delta rule makes of a state goes through a matrix product as well. */
export const boundOf = ({ rule }) => (rules[rule].beta ? 4e-5 : 2e-5);

/** The errors of results by name, bytes: of sampled outputs in all, of those of the worst part, and of the state of all. */
export function compare(attention, settings, { states, rows }, results, whole) {
  const floats = rows.map(({ name }) => new Float32Array(new Uint8Array(results.get(name)).buffer));
  const state = attention.restore(results.get(states.at(-1).name));
  try {
    return {
      outputs: relativeError(floats, whole.rows),
      'worst part': Math.max(...floats.map((part, n) => relativeError([part], [whole.rows[n]]))),
      'last state': relativeError([state.data], [whole.sums]),
    };
  } finally {
    state.dispose();
  }
}
