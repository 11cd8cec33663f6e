/** Right at any length with every feature map, normalised and not. */
import * as oracle from '../oracle.js';
import { tokenKinds } from '../generate/tokens.js';
import { attentionSuite } from './harness.js';
import { longest, streamOf } from './long.js';
import { assertStream, assertSums, checkpoints, expectedOf, runs, stateOf } from './long_runs.js';
import { mapCases } from './map_cases.js';

const PIECES = [1, 0, 7, 31, 0, 0, 32, 33, 1000, 64, 129];

/** rff's and identity's sums of weights may vanish. */
const mayVanish = ({ mapName }) => mapName === 'rff' || mapName === 'identity';

/** Sums of these are relative to the largest exponent seen: a state's data are not the plain sums. */
const isScaled = ({ mapName, title }) => mapName === 'favor' || mapName === 'rff' || title.includes('"exp"');

export function longMaps(name, make) {
  const test = attentionSuite(name, make);

  for (const mapCase of mapCases) {
    const { title, mapName, build } = mapCase;
    const isWhole = title.includes('epsilon'); // relative to the largest key of the call: it cannot be split
    for (const normalize of mayVanish(mapCase) ? [false] : [true, false]) {
      for (const kind of Object.keys(tokenKinds)) {
        test(`${title}, ${normalize ? 'normalised' : 'sums'}, ${kind}`, (attention, keep) => {
          const length = longest(attention, 2 ** 14);
          const settings = mapName === 'cosformer' ? { maxLength: length } : {};
          const { options, reference } = build(6);
          const featureMap = keep(attention.featureMap(mapName, { dim: 6, ...options, ...settings }));
          const byPlace = mapName === 'cosformer' && ((t) => oracle.cosformer({ maxLength: length, start: t }));
          const form = { featureMap, normalize, reference, ...(byPlace && { byPlace }) };
          const one = streamOf(kind, { heads: 3, kvHeads: 3, dim: 6, valueDim: 5, length, form, deviation: 0.7 });
          const at = checkpoints(length, 1024);
          const stream = { ...one, at };
          const expected = expectedOf(stream);
          const rule = 'linear';
          assertStream(runs.whole(attention, stream), expected, stream, { rule, name: 'whole' });
          if (mapName !== 'cosformer') assertStream(runs.full(attention, stream), expected, stream, { rule, name: 'full' });
          if (isWhole) return;
          const state = keep(stateOf(attention, stream));
          assertStream(runs.pieces(attention, stream, state, PIECES), expected, stream, { rule, name: 'pieces' });
          if (!isScaled(mapCase)) assertSums(state, expected, { rule, name: 'after pieces' });
        });
      }
    }
  }

  test.run();
}
