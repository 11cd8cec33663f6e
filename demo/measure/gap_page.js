// The page's sweep of the gap: in slices, so that what is urgent comes between; with baselines, and over seeds.
import { combineHeads, rankedLengths, windowName, windowOf } from './baselines.js';
import { scaledLength, scales } from './gap.js';
import { headChoices, isTrained } from './heads.js';
import { isRandom } from './maps.js';

/** Up to here a point is one call of attention.gap, weights and all; beyond, a head's answers at a time. */
const wholeLength = 512;
export const seedChoices = [1, 3, 8];

/** Heads of the inputs. */
const headsOf = ({ source, head, heads }) => (isTrained(source) ? (head === headChoices[0] ? headChoices.length - 1 : 1) : heads);

/**
 * @param {{ gap(point), head(point), rank(point) }} measure promises of measureGap, measureHead and measureRank
 * @param {object} options as measureGap's; maps; lengths; seeds: how many; sizes: { dim, features of each map }
 * @yields {{ rows: object[], done: number, total: number }} rows along 'length', 'norm' and 'rank', with a seed each
 */
export async function* sweepGapPage(measure, { maps, norm, seed, seeds, lengths, sizes, signal, ...options }) {
  const heads = Array.from({ length: headsOf(options) }, (_, at) => at);
  const maxLength = lengths.at(-1);
  const window = windowOf(sizes.features[maps[0]], sizes.dim);
  const places = [
    ...lengths.map((length) => ({ along: 'length', length, norm })),
    ...scales.map((scale) => ({ along: 'norm', length: Math.min(scaledLength, maxLength), norm: scale })),
  ];
  /** A trained head's numbers are what they are: there, only random maps differ from seed to seed. */
  const varied = isTrained(options.source) ? maps.filter(isRandom) : [...maps, windowName];
  const ranked = rankedLengths(lengths, options.causal);
  const total = places.length * (maps.length + 1 + (seeds - 1) * varied.length) + ranked.length;
  const rows = [];
  let done = 0;

  const point = async (place, featureMap, draw) => {
    const { along, ...where } = place;
    const given = { ...options, ...where, maxLength, featureMap, seed: seed + draw, size: window };
    const about = { along, ...where, featureMap, seed: seed + draw, window: featureMap === windowName ? window : '' };
    if (featureMap !== windowName && place.length <= wholeLength) return { ...about, ...(await measure.gap(given)) };
    const measured = [];
    for (const at of heads) {
      if (signal?.aborted) return null;
      measured.push(await measure.head({ ...given, at }));
    }
    return { ...about, ...combineHeads(measured) };
  };

  for (let draw = 0; draw < seeds; draw++) {
    for (const place of places) {
      for (const featureMap of draw ? varied : [...maps, windowName]) {
        if (signal?.aborted) return;
        const row = await point(place, featureMap, draw);
        if (!row) return;
        rows.push(row);
        yield { rows, done: ++done, total };
      }
    }
    if (draw > 0) continue;
    for (const length of ranked) {
      const measured = [];
      for (const at of heads) {
        if (signal?.aborted) return;
        measured.push(await measure.rank({ ...options, maps, length, maxLength, norm, seed, at }));
      }
      const sum = (of) => measured.reduce((whole, one) => whole + of(one), 0);
      const size = sum((one) => one.size);
      for (const featureMap of maps) {
        rows.push({ along: 'rank', length, norm, featureMap, seed, window: '', features: measured[0].maps[featureMap].features, weightError: Math.sqrt(sum((one) => one.maps[featureMap].difference) / size), bestError: Math.sqrt(sum((one) => one.maps[featureMap].best) / size) });
      }
      yield { rows, done: ++done, total };
    }
  }
}

/** Rows of one series, seeds together: { x, median row, least, most } at each place. */
export function overSeeds(rows, { along, featureMap, of }) {
  const own = rows.filter((row) => row.along === along && row.featureMap === featureMap);
  const places = [...new Set(own.map((row) => row[along]))];
  return places.map((x) => {
    const here = own.filter((row) => row[along] === x).toSorted((a, b) => of(a) - of(b));
    return { x, row: here[(here.length - 1) >> 1], least: of(here[0]), most: of(here.at(-1)), seeds: here.length };
  });
}
