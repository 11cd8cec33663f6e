/** This checkout beside another, in one process and in turns: what a change has cost or gained. */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { measure, median } from './measure.js';

/** An instance of the library in another checkout, whose builds are in its web/dist. */
export async function openOther(folder, options) {
  const { createAttention } = await import(pathToFileURL(resolve(folder, 'web/index.js')).href);
  return createAttention(options);
}

/** `here` and `there`: the same rows, each on its own instance. A row that one of them refuses has a `reason` in place of figures. */
export function measureAgainst(here, there, { rounds, turns = 5 }) {
  return here.map((row, i) => {
    const name = row.name.trim();
    try {
      // Each turn's ratio is of moments close to each other: what disturbs both is not in it.
      const turned = Array.from({ length: turns }, (_, turn) => measure([row, there[i]], { rounds, warmMs: turn === 0 ? 400 : 20 }).map(({ ms }) => ms));
      return { name, ms: median(turned.map(([ms]) => ms)), otherMs: median(turned.map(([, ms]) => ms)), ratio: median(turned.map(([own, other]) => own / other)) };
    } catch (error) {
      return { name, reason: error.message };
    }
  });
}

export function againstText(rows, folder) {
  const lines = rows.map(({ name, ms, otherMs, ratio, reason }) => `${name.padEnd(42)}${reason ?? `${ms.toFixed(4).padStart(11)}${otherMs.toFixed(4).padStart(11)}${ratio.toFixed(3).padStart(9)}`}`);
  return [`${'ms a call'.padEnd(42)}${'here'.padStart(11)}${'there'.padStart(11)}${'ratio'.padStart(9)}`, ...lines, `there: ${folder}`].join('\n');
}
