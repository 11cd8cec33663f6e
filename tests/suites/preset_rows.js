/** Presets on rows of their own length and on packed sequences: each as if it had been called alone. */
import assert from 'node:assert';
import { assertClose, assertSame } from '../tolerance.js';
import { gaussian, joinTime, reshape, sliceTime, tensorOf } from '../util.js';
import { attentionSuite, stateFor, throwsKind } from './harness.js';
import { rowsOf } from './state_cases.js';

const [batch, heads, T, dim, valueDim] = [3, 2, 40, 6, 5];

const q = gaussian([batch, heads, T, dim], 1, 0.4);
const k = gaussian([batch, heads, T, dim], 2, 0.4);
const v = gaussian([batch, heads, T, valueDim], 3);
const channel = tensorOf([batch, heads, T, dim], (i) => -(i % 7) / 9);
const token = tensorOf([batch, heads, T], (i) => -(i % 6) / 8);
const beta = tensorOf([batch, heads, T], (i) => (i % 5) / 5);
const dt = tensorOf([batch, heads, T], (i) => (i % 4) / 5);

/** By name, a call on what `cut` leaves of every input. */
const PRESETS = {
  retention: (a, cut, o) => a.retention(cut(q), cut(k), cut(v), o),
  mamba2: (a, cut, o) => a.mamba2(cut(v), cut(dt), [-1, -0.5], cut(k), cut(q), { D: [2, 3], scale: dim ** -0.5, ...o }),
  gla: (a, cut, o) => a.gla(cut(q), cut(k), cut(v), { g: cut(channel), ...o }),
  deltaNet: (a, cut, o) => a.deltaNet(cut(q), cut(k), cut(v), { beta: cut(beta), ...o }),
  gatedDeltaNet: (a, cut, o) => a.gatedDeltaNet(cut(q), cut(k), cut(v), { g: cut(token), beta: cut(beta), ...o }),
  kda: (a, cut, o) => a.kda(cut(q), cut(k), cut(v), { alpha: cut(tensorOf(channel.shape, (i) => Math.exp(channel.data[i]))), beta: cut(beta), ...o }),
};

/** Of an input, or of a gate with a number a token: rows of the batch, and of them tokens. */
function cutOut(x, rows, from, to) {
  const [B, H, length, width = 1] = x.shape;
  const { data, shape } = sliceTime(rowsOf(reshape(x, [B, H, length, width]), rows), from, to);
  return { data, shape: x.shape.length === 4 ? shape : shape.slice(0, 3) };
}

/** NaN where no token counts. */
function spoil(x, from, to) {
  const [, H, length, width = 1] = x.shape;
  return tensorOf(x.shape, (i) => {
    const [b, t] = [Math.floor(i / (H * length * width)), Math.floor(i / width) % length];
    return t >= from[b] && t < to[b] ? x.data[i] : NaN;
  });
}

export function presetRows(name, make) {
  const test = attentionSuite(name, make);

  for (const [preset, call] of Object.entries(PRESETS)) {
    const rule = /delta|kda/i.test(preset) ? 'delta' : 'gated';

    test(`${preset}: lengths and starts, with a state and without`, (attention, keep) => {
      const open = (rows) => keep(stateFor(attention, { k: rowsOf(k, rows), v: rowsOf(v, rows) }, { featureMap: 'identity', normalize: false, scale: dim ** -0.5 }));
      for (const [lengths, starts] of [[[T, 0, 17], undefined], [undefined, [3, T, 20]], [[5, 30, 1], [32, 4, 0]]]) {
        const from = starts ?? [0, 0, 0];
        const to = from.map((start, b) => start + (lengths?.[b] ?? T - start));
        for (const state of [undefined, open([0, 1, 2])]) {
          // alpha's elements are checked whether they count or not: kda's NaN are refused.
          const result = call(attention, (x) => (preset === 'kda' || x === beta ? x : spoil(x, from, to)), { ...(lengths && { lengths }), ...(starts && { starts }), state });
          for (const b of [0, 1, 2]) {
            const alone = state && open([b]);
            const part = call(attention, (x) => cutOut(x, [b], from[b], to[b]), { state: alone });
            const row = rowsOf(result, [b]);
            assertClose(sliceTime(row, from[b], to[b]), part, { rule });
            for (const pad of [sliceTime(row, 0, from[b]), sliceTime(row, to[b], T)]) assert.ok(pad.data.every((x) => x === 0));
            if (!state) continue;
            assertClose(rowsOf({ data: state.data, shape: [batch] }, [b]).data, alone.data, { rule });
            assert.equal(state.lengths[b], to[b] - from[b]);
          }
        }
      }
    });

    test(`${preset}: packed sequences`, (attention) => {
      const sequences = [0, 7, 7, 8, T];
      const parts = sequences.slice(1).map((end, i) => call(attention, (x) => cutOut(x, [0, 1, 2], sequences[i], end), {}));
      assertClose(call(attention, (x) => x, { sequences }), joinTime(parts), { rule });
      assertSame(call(attention, (x) => x, { sequences: [0, T] }), call(attention, (x) => x, {}));
    });

    test(`${preset}: what does not fit is refused by name`, (attention) => {
      for (const [options, pattern] of [
        [{ lengths: [1] }, /lengths must be an array of 3 integers/],
        [{ starts: [0, 0, T + 1] }, /starts\[2\] must be an integer from 0 to 40/],
        [{ lengths: [1, 2, 3], keyLengths: [1, 2, 3] }, /keyLengths must not be given beside lengths/],
        [{ sequences: [0, T], starts: [0, 0, 0] }, /sequences must not be given with starts/],
        [{ sequences: [0, T - 1] }, /sequences must end with 40/],
      ]) throwsKind(() => call(attention, (x) => x, options), RangeError, pattern, preset);
    });
  }

  test('mamba2: dt that is not a number is refused where it counts, and its skip is of the tokens that count', (attention) => {
    const bad = tensorOf(dt.shape, (i) => (i === 9 ? NaN : dt.data[i]));
    const run = (given, o) => attention.mamba2(v, given, [-1, -0.5], k, q, { D: [2, 3], ...o });
    throwsKind(() => run(bad, { starts: [9, 0, 0] }), RangeError, /dt\[9\] must be a number, got NaN/);
    throwsKind(() => run(bad, { sequences: [0, 3, T] }), RangeError, /dt\[9\] must be a number, got NaN/);
    assertSame(run(bad, { starts: [10, 0, 0] }), run(dt, { starts: [10, 0, 0] }));
  });

  test.run();
}
