/** Parts of a sequence that is cut, merged in any order of neighbours: the state of one pass. */
import assert from 'node:assert';
import { remember } from '../../web/calls/undo.js';
import { AXES } from '../generate/axes.js';
import { toleranceOf } from '../generate/maps.js';
import { assertClose, assertSame } from '../tolerance.js';
import { gaussian, inputs, mulberry32, reshape, sliceTime, tensorOf } from '../util.js';
import { attentionSuite, stateFor, throwsCode, throwsKind, token } from './harness.js';
import { assertSameState, StateCase, testStates } from './state_cases.js';

/** Maps whose features do not depend on the other keys of a call. */
const MAPS = AXES.map.filter((map) => map !== 'softmax' && map !== 'favor epsilon');

/** Neighbours in an order of the seed; the first is left. */
function mergeAll(parts, seed) {
  const uniform = mulberry32(seed);
  const left = [...parts];
  while (left.length > 1) {
    const i = Math.floor(uniform() * (left.length - 1));
    assert.equal(left[i].merge(left[i + 1]), left[i]);
    left.splice(i + 1, 1);
  }
  return left[0];
}

export function merge(name, make) {
  const test = attentionSuite(name, make);

  testStates(test, 'parts', (attention, keep, one) => {
    const T = 60;
    const each = new StateCase(attention, keep, one, { batch: 2, length: T });
    const whole = each.open();
    each.linear(whole, 0, 55);
    const points = [0, 1, 2, 9, 20, 20, 44, 55];
    const first = one.seed % 2 ? { transition: true } : {};
    const parts = points.slice(1).map((to, i) => {
      const part = each.open(i === 0 ? first : { transition: true, start: points[i] });
      if (to - points[i] === 1) each.step(part, points[i]);
      else if (i % 2) each.absorb(part, points[i], to);
      else each.linear(part, points[i], to);
      return part;
    });
    const later = parts.slice(1).map((part) => part.data);
    const all = first.transition ? mergeAll(parts, one.seed) : parts.slice(1).reduce((earlier, part) => earlier.merge(part), parts[0]);
    const rule = toleranceOf(each.one);
    if (!/^(favor|rff)/.test(one.map)) {
      assertClose(all.data, whole.data, { rule, name: 'S' });
      if (whole.keySum) assertClose(all.keySum, whole.keySum, { rule, name: 'z' });
    }
    assert.deepEqual(all.lengths, whole.lengths);
    if (!first.transition) parts.slice(1).forEach((part, i) => assertSame(part.data, later[i], `part ${i + 1} stays`));
    for (let t = 55; t < T; t++) assertClose(each.step(all, t), each.step(whole, t), { rule, name: `token ${t}` });
  }, MAPS);

  for (const [title, gates, rule] of [['sums', {}, 2e-5], ['decay a head and token', { decay: 1 }, 2e-5], ['delta', { beta: 1 }, 4e-5], ['gated delta', { decay: 1, beta: 1 }, 4e-5]]) {
    test(`${title}: any bracketing of 64 parts`, (attention, keep) => {
      const [heads, dim, T] = [2, 16, 1280];
      const qkv = inputs({ heads, T, dim, make: gaussian });
      for (let r = 0; r < heads * T; r++) {
        const row = qkv.k.data.subarray(r * dim, (r + 1) * dim);
        const length = Math.hypot(...row);
        row.forEach((x, i) => (row[i] = x / length));
      }
      const told = {
        ...(gates.decay && { decay: { data: gaussian([1, heads, T], 5).data.map((x) => -Math.abs(x) / 50), shape: [1, heads, T] } }),
        ...(gates.beta && { beta: { data: gaussian([1, heads, T], 6).data.map((x) => 1 / (1 + Math.exp(-x))), shape: [1, heads, T] } }),
      };
      const cut = ({ data, shape }, from, to) => {
        const part = sliceTime(shape.length === 3 ? { data, shape: [...shape, 1] } : { data, shape }, from, to);
        return { data: part.data, shape: part.shape.slice(0, shape.length) };
      };
      const partGates = (from, to) => Object.fromEntries(Object.entries(told).map(([gate, x]) => [gate, cut(x, from, to)]));
      const form = { featureMap: 'identity', normalize: !gates.beta && !gates.decay };
      const whole = keep(stateFor(attention, qkv, form));
      attention.linear(...Object.values(qkv), { causal: true, state: whole, ...told });
      for (const seed of [1, 2, 3]) {
        const parts = Array.from({ length: 64 }, (_, i) => {
          const part = keep(stateFor(attention, qkv, { ...form, transition: true, start: 20 * i }));
          attention.absorb(cut(qkv.k, 20 * i, 20 * i + 20), cut(qkv.v, 20 * i, 20 * i + 20), { state: part, ...partGates(20 * i, 20 * i + 20) });
          return part;
        });
        const all = mergeAll(parts, seed);
        const error = (actual, expected) => Math.sqrt(actual.reduce((sum, x, i) => sum + (x - expected[i]) ** 2, 0) / expected.reduce((sum, x) => sum + x ** 2, 0));
        assert.ok(error(all.data, whole.data) <= rule, `S is off by ${error(all.data, whole.data)}`);
        if (form.normalize) assert.ok(error(all.keySum, whole.keySum) <= rule, 'z');
      }
    });
  }

  test('sums beyond float32, of which either part has the larger: the state of one pass', (attention, keep) => {
    const [dim, T] = [4, 12];
    const weights = { data: Float32Array.from({ length: dim * dim }, (_, i) => (i % (dim + 1) === 0 ? 1 : 0)), shape: [dim, dim] };
    const featureMap = keep(attention.featureMap('learned', { dim, activation: 'exp', weights }));
    const { q, k, v } = inputs({ T: T + 1, dim, make: gaussian });
    for (const [early, late] of [[100, 103], [103, 100]]) {
      const keys = { data: k.data.map((x, i) => (i < (T / 2) * dim ? early : late) + x / 8), shape: k.shape };
      const open = (options) => keep(stateFor(attention, { k: keys, v }, { featureMap, ...options }));
      const absorbed = (state, from, to) => attention.absorb(sliceTime(keys, from, to), sliceTime(v, from, to), { state });
      const whole = absorbed(open(), 0, T);
      const merged = absorbed(open(), 0, T / 2).merge(absorbed(open({ transition: true, start: T / 2 }), T / 2, T));
      const last = [q, keys, v].map((x) => token(x, T));
      assertClose(merged.step(...last), whole.step(...last), { rule: 'exponents', name: `keys of ${early}, then of ${late}` });
    }
  });

  const small = (attention, keep, options) => keep(stateFor(attention, inputs({ batch: 2, heads: 2, T: 3, dim: 4 }), options));
  const stepAt = (t) => Object.values(inputs({ batch: 2, heads: 2, T: 40, dim: 4 })).map((x) => token(x, t));
  const stepped = (state, from, to, options) => {
    for (let t = from; t < to; t++) state.step(...stepAt(t), options);
    return state;
  };

  test('rows, copies and saved bytes keep what the tokens do', (attention, keep) => {
    for (const options of [{}, { decay: -0.3 }, { decay: -0.3, beta: 0.4 }]) {
      const form = { normalize: false, featureMap: 'identity' };
      const earlier = stepped(small(attention, keep, form), 0, 5, options);
      const later = stepped(small(attention, keep, { ...form, transition: true, start: 5 }), 5, 9, options);
      const expected = keep(earlier.clone()).merge(later);
      const fresh = small(attention, keep, { ...form, transition: true, start: 5 });
      fresh.copyFrom(later);
      for (const copy of [keep(later.clone()), keep(attention.restore(later.save())), fresh]) {
        assert.deepEqual([copy.transition, copy.start], [true, 5]);
        assertSameState(keep(earlier.clone()).merge(copy), expected, 'a copy');
        stepped(copy, 9, 12, options);
        const on = keep(later.clone());
        stepped(on, 9, 12, options);
        assertSameState(keep(earlier.clone()).merge(copy), keep(earlier.clone()).merge(on), 'a copy that went on');
      }
      const turned = keep(later.clone());
      turned.select([1, 0]);
      const turnedEarlier = keep(earlier.clone());
      turnedEarlier.select([1, 0]);
      turnedEarlier.merge(turned);
      turnedEarlier.select([1, 0]);
      assertSameState(turnedEarlier, expected, 'turned round');
      const undo = remember(later, [{}]);
      const bytes = later.save();
      stepped(later, 9, 12, { decay: -1, beta: 0.2 });
      later.select([0, 0, 1]);
      undo();
      assert.deepEqual(later.save(), bytes, 'taken back');
      // A row that is begun anew does nothing to what was before.
      later.reset();
      stepped(later, 5, 9, options);
      assertSameState(keep(earlier.clone()).merge(later), expected, 'begun anew');
      const half = keep(later.clone());
      half.reset([0]);
      half.step(...stepAt(5), { ...options, lengths: [1, 0] });
      for (let t = 6; t < 9; t++) half.step(...stepAt(t), { ...options, lengths: [1, 0] });
      assertSameState(keep(earlier.clone()).merge(half), expected, 'one row begun anew');
    }
  });

  test('a call that fails moves neither the state nor its transition', (attention, keep) => {
    const state = stepped(small(attention, keep, { normalize: false, transition: true }), 0, 4, { beta: 0.2 });
    const bytes = state.save();
    throwsKind(() => state.step(...stepAt(4), { beta: 0.2, decay: [-1, NaN] }), RangeError, /decay/);
    const other = small(attention, keep, { normalize: false, transition: true });
    const used = attention.memory;
    throwsKind(() => other.step(...stepAt(4), { beta: [0.2, NaN] }), RangeError, /beta/);
    assert.deepEqual(state.save(), bytes);
    assert.equal(attention.memory, used);
  });

  test('what is merged into a state begins its history anew', (attention, keep) => {
    const earlier = stepped(small(attention, keep, { history: 4 }), 0, 5);
    earlier.merge(stepped(small(attention, keep, { transition: true, start: 5 }), 5, 7));
    throwsKind(() => earlier.rewind(1), RangeError, /n must be/);
    const merged = keep(earlier.clone());
    stepped(earlier, 7, 9).rewind(2);
    assertSameState(earlier, merged, 'back at the merge');
  });

  test('gaps, overlaps and what does not go together are refused by name', (attention, keep) => {
    const earlier = stepped(small(attention, keep), 0, 5);
    const before = earlier.save();
    const part = (options) => stepped(small(attention, keep, { transition: true, start: 5, ...options }), 5, 7);
    throwsKind(() => earlier.merge(part({ start: 6 })), RangeError, /later must start at 5, where row 0 of this state ends, got a start of 6: a gap of 1 tokens/);
    throwsKind(() => earlier.merge(part({ start: 3 })), RangeError, /got a start of 3: an overlap of 2 tokens/);
    throwsKind(() => earlier.merge(part({ featureMap: 'relu' })), RangeError, /later must have the feature map of this state, 'elu', got 'relu'/);
    throwsKind(() => earlier.merge(part({ scale: 2 })), RangeError, /later must have scale 1/);
    throwsCode(() => earlier.merge(part({ transition: false })), 'unsupported');
    throwsKind(() => earlier.merge(attention), TypeError, /later must be a State/);
    throwsKind(() => earlier.merge(), TypeError, /later must be a State/);
    throwsCode(() => earlier.merge(earlier), 'unsupported');
    const epsilon = keep(attention.featureMap('favor', { dim: 4, features: 6, epsilon: 1e-3 }));
    assert.throws(() => small(attention, keep, { featureMap: epsilon, transition: true }), /transition: features of 'favor' with epsilon/);
    const wide = keep(attention.state({ heads: 1, dim: 64, featureMap: 'taylor', normalize: false, transition: true }));
    assert.throws(() => wide.step(...Object.values(inputs({ T: 1, dim: 64 })).map((x) => token(x, 0)), { beta: 0.1 }), /transition: the delta rule needs a matrix.*at most 1024, and featureMap 'taylor' makes 2145/);
    throwsCode(() => small(attention, keep, { transition: true, normalize: false }).set(new Float32Array(64)), 'unsupported');
    throwsKind(() => small(attention, keep, { transition: true, history: 1 }), RangeError, /history must be 0/);
    throwsKind(() => small(attention, keep, { start: -1 }), RangeError, /start must be an integer/);
    throwsKind(() => small(attention, keep).copyFrom(small(attention, keep, { start: 1 })), RangeError, /other must have start 0/);
    assert.deepEqual(earlier.save(), before);
  });

  test('positions of cosformer begin at start', (attention, keep) => {
    const featureMap = keep(attention.featureMap('cosformer', { dim: 4, maxLength: 8 }));
    const part = stepped(small(attention, keep, { featureMap, start: 6 }), 6, 8);
    assert.deepEqual([part.length, part.start], [2, 6]);
    throwsKind(() => part.step(...stepAt(8)), RangeError, /maxLength of 8, got a length of 9/);
    assert.equal(keep(attention.restore(part.save())).start, 6);
  });

  test('ratios whose sums decay has taken below float32', (attention, keep) => {
    const [T, dim, valueDim] = [20, 4, 3];
    const [k, v] = [tensorOf([1, T, dim], (i) => (i < 2 * dim ? 0.5 + (i % 3) : 0)), gaussian([1, T, valueDim], 1)];
    const gates = {
      'a head': tensorOf([1, T], () => -30),
      'a channel': tensorOf([1, T, dim], (i) => (i % dim < 2 ? -30 : -20)),
    };
    const queries = [[1, 1, 1, 1], [1, 0, 0, 0]].map((q) => tensorOf([1, 1, dim], (i) => q[i]));
    const nothing = { k: tensorOf([1, 1, dim], () => 0), v: tensorOf([1, 1, valueDim], () => 0) };
    for (const [title, decay] of Object.entries(gates)) {
      const sliced = (x, from, to) => (x.shape.length === 3 ? sliceTime(reshape(x, [1, ...x.shape]), from, to) : sliceTime(reshape(x, [1, 1, T, 1]), from, to));
      const part = (from, to, options) => {
        const state = keep(attention.state({ heads: 1, dim, valueDim, featureMap: 'relu', eps: 0, ...options }));
        if (to === from) return state;
        const [keys, values, gate] = [k, v, decay].map((x) => sliced(x, from, to));
        return attention.absorb(keys, values, { state, decay: decay.shape.length === 3 ? gate : reshape(gate, [1, 1, to - from]) });
      };
      const whole = part(0, T);
      const answers = (state) => queries.map((q) => attention.linear(q, nothing.k, nothing.v, { state: keep(state.clone()), causal: true }).data);
      for (const cut of [2, 10, T]) {
        const merged = part(0, cut).merge(part(cut, T, { transition: true, start: cut }));
        const expected = answers(whole);
        answers(merged).forEach((answer, n) => assertClose(answer, expected[n], { rule: 'gated', name: `${title}, cut at ${cut}, query ${n}` }));
        assert.ok(expected.every((one) => one.every((x) => x !== 0)));
      }
    }
  });

  test.run();
}
