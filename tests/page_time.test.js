// The arithmetic of the page's times, on made-up timings.
import assert from 'node:assert';
import { suite } from 'uvu';
import { fitLine, fitPowerLaw, longPoints } from '../demo/measure/statistics.js';
import { BUSY, cacheBytes, sweepTime, unrest } from '../demo/measure/time.js';
import { near } from './util.js';

const page = suite('demo page: times');
const at = (lengths, cost) => lengths.map((length) => ({ length, ms: cost(length) }));

page('all long points are fitted, or the longer half where these are few', () => {
  const lengths = [16, 64, 256, 512, 1024, 2048, 4096];
  assert.deepEqual(longPoints(at(lengths, () => 1)).map(({ length }) => length), [256, 512, 1024, 2048, 4096]);
  assert.deepEqual(longPoints(at([16, 32, 64, 128, 1024], () => 1)).map(({ length }) => length), [64, 128, 1024]);
  const points = at(lengths, (T) => T ** 2 + 2e3);
  near(fitPowerLaw(points, longPoints(points)).exponent, 2, 0.03);
});

page('a line is fitted exactly', () => {
  const { at: start, slope } = fitLine([[0, 3], [2, 4], [10, 8]].map(([x, y]) => ({ x, y })));
  near(start, 3, 1e-12);
  near(slope, 0.5, 1e-12);
});

page('a machine was busy when repeats differ in the middle of the points', () => {
  const row = (slowest) => ({ fastest: 1, slowest });
  assert.ok(unrest([row(1.1), row(9), row(1.2)]) < BUSY);
  assert.ok(unrest([row(1.1), row(2), row(3)]) >= BUSY);
});

page('a slow curve takes nothing from the budget of the other', async () => {
  const spent = { softmax: 0, linear: 0 };
  const cost = { softmax: (T) => T, linear: (T) => 1e-3 * T };
  const bench = { warmUp: () => 0.005, time: ({ kind, length, calls }) => ((spent[kind] += cost[kind](length) * calls), cost[kind](length)) };
  let last;
  for await (last of sweepTime(bench, { maxLength: 16384, budget: 2000 }));
  assert.deepEqual(Object.keys(last.stopped), ['softmax']);
  assert.equal(last.rows.filter(({ kind }) => kind === 'linear').at(-1).length, 16384);
  for (const kind of ['softmax', 'linear']) assert.ok(spent[kind] <= 1100, `${kind} ${spent[kind]} ms`);
});

page('a cache holds a key and a value for every token and head', () => assert.equal(cacheBytes(10, 2, 64), 10 * 2 * 2 * 64 * 4));

page.run();
