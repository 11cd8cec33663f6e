/** Batches whose rows have different lengths, padded behind or in front: each row as if it had been called alone. */
import assert from 'node:assert';
import { toleranceOf } from '../generate/maps.js';
import { assertClose, assertSame } from '../tolerance.js';
import { gaussian, inputs, sliceTime, swapLayout } from '../util.js';
import { attentionSuite, stateFor, throwsKind } from './harness.js';
import { rowsOf, StateCase, testStates } from './state_cases.js';

export function ragged(name, make) {
  const test = attentionSuite(name, make);

  /** On one thread a row has the bits of a call of its own, unless that is of one token, a step; how threads divide a call depends on the others. */
  const same = (attention, actual, expected, one, what) =>
    attention.threads === 1 ? assertSame(actual, expected, what) : assertClose(actual, expected, { rule: toleranceOf(one), name: what });

  const zerosOf = ({ data }, what) => assert.ok(data.every((x) => x === 0 && !Object.is(x, -0)), what);

  testStates(test, 'lengths and starts: rows equal calls of their own', (attention, keep, one) => {
    const each = new StateCase(attention, keep, one, { length: 40 });
    for (const { lengths, starts, causal = true, to = 37 } of [
      { lengths: [37, 0, 17] },
      { starts: [3, 37, 20] },
      { lengths: [5, 33, 2], starts: [32, 4, 0] },
      { lengths: [37, 2, 17], causal: false },
      { starts: [3, 37, 20], causal: false },
    ]) {
      if (!causal && (one.rule !== 'linear' || one.decay !== 'none')) continue;
      const [batch, alone] = [each.open(), [0, 1, 2].map(() => each.open({ batch: 1 }))];
      for (const state of [batch, ...alone]) each.linear(state, 37, 40, {}, state === batch ? null : [alone.indexOf(state)]);
      // Not a number where nothing counts: none of it may be read.
      const [from, until] = [0, 1, 2].map((b) => [starts?.[b] ?? 0, (starts?.[b] ?? 0) + (lengths?.[b] ?? to - (starts?.[b] ?? 0))]).reduce(([f, u], [a, z]) => [[...f, a], [...u, z]], [[], []]);
      const all = each.linear(batch, 0, to, { causal, ...(lengths && { lengths }), ...(starts && { starts }) });
      for (const [b, state] of alone.entries()) {
        const part = each.linear(state, from[b], until[b], { causal }, [b]);
        const row = rowsOf(all, [b]);
        same(attention, sliceTime(row, from[b], until[b]).data, part.data, one, `row ${b}`);
        zerosOf(sliceTime(row, 0, from[b]), `before the start of row ${b}`);
        zerosOf(sliceTime(row, until[b], to), `past the length of row ${b}`);
        const S = rowsOf({ data: batch.data, shape: [3] }, [b]).data;
        same(attention, S, state.data, one, `S of row ${b}`);
        assert.equal(batch.lengths[b], state.length);
      }
      for (const lengthsOfStep of [[1, 0, 1], [0, 1, 0], [1, 1, 1], [0, 0, 0]]) {
        const answers = each.step(batch, 38, { lengths: lengthsOfStep });
        for (const [b, state] of alone.entries()) {
          const row = rowsOf(answers, [b]);
          if (lengthsOfStep[b] === 0) zerosOf(row, `step, row ${b}`);
          else same(attention, row.data, each.step(state, 38, {}, [b]).data, one, `step, row ${b}`);
          assert.equal(batch.lengths[b], state.length);
        }
      }
    }
  });

  test('what does not count is not read: NaN in it changes nothing', (attention, keep) => {
    const { q, k, v } = inputs({ batch: 2, heads: 2, T: 70, dim: 6, make: gaussian });
    const decay = { data: new Float32Array(2 * 2 * 70).fill(-0.1), shape: [2, 2, 70] };
    const beta = { data: new Float32Array(2 * 2 * 70).fill(0.1), shape: [2, 2, 70] };
    const [lengths, starts] = [[41, 0], [20, 9]];
    const spoil = ({ data, shape }) => {
      const width = data.length / (2 * 2 * 70);
      return { data: data.map((x, i) => {
        const [t, b] = [Math.floor(i / width) % 70, Math.floor(i / (width * 140))];
        return t < starts[b] || t >= starts[b] + lengths[b] ? NaN : x;
      }), shape };
    };
    for (const layout of ['bhtd', 'bthd']) {
      const turn = (x) => (layout === 'bthd' ? swapLayout(x) : x);
      const turnGate = ({ data, shape }) => {
        const turned = turn({ data, shape: [...shape, 1] });
        return { data: turned.data, shape: turned.shape.slice(0, 3) };
      };
      for (const gates of [{}, { decay }, { beta }, { decay, beta }]) {
        const call = (change) => {
          const state = keep(stateFor(attention, { k, v }, { normalize: true }));
          const given = Object.fromEntries(Object.entries(gates).map(([key, gate]) => [key, turnGate(change(gate))]));
          const o = attention.linear(...[q, k, v].map((x) => turn(change(x))), { causal: true, normalize: true, state, layout, lengths, starts, ...given });
          return [...o.data, ...state.data, ...state.keySum];
        };
        assert.deepEqual(call(spoil), call((x) => x));
      }
    }
  });

  test('a gate of a row that does not step may be anything, one of a row that does may not', (attention, keep) => {
    const state = keep(attention.state({ batch: 2, heads: 1, dim: 2, normalize: false }));
    const x = gaussian([2, 1, 2], 1);
    const decay = { data: Float32Array.of(-1, NaN), shape: [2, 1] };
    state.step(x, x, x, { decay, lengths: [1, 0] });
    const before = state.data;
    throwsKind(() => state.step(x, x, x, { decay, lengths: [1, 1] }), RangeError, /decay must be at most 0.*got NaN at element 1/);
    assertSame(state.data, before);
    assert.deepEqual(state.lengths, [1, 0]);
  });

  test('positions of cosformer are those of the row: what its tokens leave out does not count', (attention, keep) => {
    const featureMap = keep(attention.featureMap('cosformer', { dim: 4, maxLength: 10 }));
    const qkv = Object.values(inputs({ batch: 2, T: 8, dim: 4 }));
    const state = keep(attention.state({ batch: 2, heads: 1, dim: 4, featureMap }));
    attention.linear(...qkv, { causal: true, state, lengths: [8, 1] });
    attention.linear(...qkv, { causal: true, state, lengths: [2, 8] });
    assert.deepEqual(state.lengths, [10, 9]);
    throwsKind(() => state.step(...qkv.map((x) => rowsAt(x, 0))), RangeError, /maxLength of 10, got a length of 11/);
    state.step(...qkv.map((x) => rowsAt(x, 0)), { lengths: [0, 1] });
    throwsKind(() => attention.linear(...qkv, { causal: true, featureMap: keep(attention.featureMap('cosformer', { dim: 4, maxLength: 5 })), lengths: [6, 0] }), RangeError, /got a length of 6/);
    attention.linear(...qkv, { causal: true, featureMap: keep(attention.featureMap('cosformer', { dim: 4, maxLength: 5 })), starts: [3, 4] });
  });

  test('lengths and starts are refused where they cannot be', (attention, keep) => {
    const { q, k, v } = inputs({ batch: 2, T: 8, dim: 4 });
    const state = keep(stateFor(attention, { k, v }));
    const call = (options) => () => attention.linear(q, k, v, { causal: true, state, ...options });
    throwsKind(call({ lengths: [9, 1] }), RangeError, /lengths\[0\] must be an integer from 0 to 8, got 9/);
    throwsKind(call({ lengths: [1, 6], starts: [0, 3] }), RangeError, /lengths\[1\] must be an integer from 0 to 5, got 6/);
    throwsKind(call({ starts: [0, 9] }), RangeError, /starts\[1\] must be an integer from 0 to 8/);
    throwsKind(call({ lengths: [1] }), RangeError, /lengths must be an array of 2 integers/);
    throwsKind(call({ lengths: [1, 1], keyLengths: [1, 1] }), RangeError, /keyLengths must not be given beside lengths/);
    throwsKind(call({ starts: [1, 1], keyLengths: [1, 1] }), RangeError, /keyLengths must not be given beside starts/);
    throwsKind(() => attention.linear(q, sliceTime(k, 0, 5), sliceTime(v, 0, 5), { lengths: [1, 1] }), RangeError, /lengths and starts need as many queries as keys, got 8 and 5/);
    const token = [q, k, v].map((x) => rowsAt(x, 0));
    throwsKind(() => state.step(...token, { lengths: [1, 2] }), RangeError, /lengths\[1\] must be an integer from 0 to 1/);
    throwsKind(() => state.step(...token, { lengths: 1 }), TypeError, /lengths must be an array/);
    assert.deepEqual(state.lengths, [0, 0]);
  });

  test('many heads of many tokens, in threads and in parts of a stream', (attention, keep) => {
    for (const options of [{}, { decay: -0.01 }, { beta: 0.01 }]) {
      for (const shape of [{ heads: 8, T: 260, dim: 32 }, { heads: 1, T: 700, dim: 128, valueDim: 128 }]) {
        const qkv = Object.values(inputs({ batch: 2, ...shape }));
        const one = { map: 'elu', rule: options.beta ? 'delta token' : 'linear', decay: options.decay ? 'token' : 'none' };
        const [lengths, starts] = [[shape.T - 5, 3], [5, 90]];
        const state = keep(attention.state({ batch: 2, ...shape, T: undefined, normalize: true }));
        const o = attention.linear(...qkv, { causal: true, normalize: true, ...options, state, lengths, starts });
        for (const b of [0, 1]) {
          const part = attention.linear(...qkv.map((x) => sliceTime(rowsOf(x, [b]), starts[b], starts[b] + lengths[b])), { causal: true, normalize: true, ...options });
          assertClose(sliceTime(rowsOf(o, [b]), starts[b], starts[b] + lengths[b]), part, { rule: toleranceOf(one) });
        }
      }
    }
  });

  const rowsAt = (x, t) => {
    const { data, shape: [B, H, , d] } = sliceTime(x, t, t + 1);
    return { data, shape: [B, H, d] };
  };

  test.run();
}
