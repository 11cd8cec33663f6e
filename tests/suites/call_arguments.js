/** softmax, linear, gap and weights refuse wrong arguments, and change nothing. */
import assert from 'node:assert';
import { assertSame } from '../tolerance.js';
import { gaussian, inputs } from '../util.js';
import { attentionSuite, stateFor } from './harness.js';
import * as wrong from './wrong.js';

const { T, range, shape } = wrong;

export function callArguments(name, make) {
  const test = attentionSuite(name, make);
  const refuses = (title, rows) =>
    test(title, (attention, keep) => wrong.refuse(attention, rows(attention, keep), () => inputs(shape)));
  const callOf = (attention, method) => (args, options) => attention[method](args.q, args.k, args.v, options);
  const qkv = ['q', 'k', 'v'];

  for (const method of ['softmax', 'linear', 'gap']) {
    refuses(`${method}: q, k and v`, (attention) => {
      const call = callOf(attention, method);
      return [
        ...wrong.tensors(qkv, call),
        ...wrong.ranks(qkv, call),
        ...wrong.misfits(call),
        ...wrong.valueMisfits(call),
        ...(method === 'linear' ? wrong.linearHeadMisfits(call) : wrong.headMisfits(call)),
        ...(method === 'linear' ? [] : [range('v of other heads', 'v', (args) => call({ ...args, v: gaussian([2, 4, T, 3], 1) }))]),
      ];
    });

    refuses(`${method}: options, causal and layout`, (attention) => {
      const call = callOf(attention, method);
      return [...wrong.options(call), ...wrong.boolean('causal', call), ...wrong.layout(call)];
    });
  }

  for (const method of ['softmax', 'linear']) {
    refuses(`${method}: out`, (attention, keep) => {
      const length = 2 * 4 * T * 3;
      return wrong.out(length, keep(attention.tensor([length])), callOf(attention, method));
    });

    refuses(`${method}: scale and keyLengths`, (attention) => {
      const call = callOf(attention, method);
      return [...wrong.number('scale', [Infinity, -Infinity, 1e39], call), ...wrong.keyLengths(call)];
    });
  }

  const others = [{ batch: 1 }, { heads: 4 }, { dim: 4 }, { valueDim: 5 }];
  const fitting = { batch: 2, heads: 2, dim: 5, valueDim: 3 };

  refuses('softmax: cache', (attention, keep) => {
    const call = callOf(attention, 'softmax');
    const state = keep(attention.state(fitting));
    const misfits = others.map((what) => [what, keep(attention.cache({ ...fitting, maxLength: 20, ...what }))]);
    return [
      ...wrong.wrongKind('cache', [1, null, {}, 'cache', state], call),
      ...misfits.map(([what, cache]) =>
        range(`cache of another ${Object.keys(what)}`, /\b(cache|k|v)\b/, (args) => call(args, { cache })),
      ),
    ];
  });

  refuses('linear: featureMap, normalize and eps', (attention) => {
    const call = callOf(attention, 'linear');
    const narrow = attention.featureMap('elu', { dim: 4 });
    return [
      ...wrong.featureMap(call),
      range('featureMap of another dim', 'featureMap', (args) => call(args, { featureMap: narrow })),
      ...wrong.boolean('normalize', call),
      ...wrong.number('eps', [-1e-6, Infinity, -Infinity], call),
    ];
  });

  refuses('linear: state', (attention, keep) => {
    const call = callOf(attention, 'linear');
    const cache = keep(attention.cache({ ...fitting, maxLength: 20 }));
    const state = keep(attention.state(fitting));
    const misfits = others.map((what) => [what, keep(attention.state({ ...fitting, ...what }))]);
    return [
      ...wrong.wrongKind('state', [1, null, {}, 'state', cache], call),
      ...misfits.map(([what, other]) =>
        range(`state of another ${Object.keys(what)}`, /\b(state|k|v)\b/, (args) => call(args, { state: other })),
      ),
      range('another map than the state has', 'featureMap', (args) => call(args, { state, featureMap: 'relu' })),
    ];
  });

  refuses('causal linear attention with more or fewer queries than keys', (attention) =>
    [T - 1, T + 1].flatMap((Tq) => {
      const q = gaussian([2, 4, Tq, 5], 1);
      const refused = (method, call) => range(`${method}: ${Tq} queries, ${T} keys`, /\b(q|k|causal)\b/, call);
      return [
        refused('linear', ({ k, v }) => attention.linear(q, k, v, { causal: true })),
        refused('gap', ({ k, v }) => attention.gap(q, k, v, { causal: true })),
      ];
    }),
  );

  refuses('gap: featureMap', (attention) => wrong.featureMap(callOf(attention, 'gap')));

  refuses('weights', (attention) => {
    const bare = (args, options) => attention.weights(args.q, args.k, options);
    const linear = (args, options) => bare(args, { kind: 'linear', ...options });
    const softmax = (args, options) => bare(args, { kind: 'softmax', ...options });
    return [
      ...wrong.tensors(['q', 'k'], linear),
      ...wrong.ranks(['q', 'k'], linear),
      ...wrong.misfits(linear),
      ...wrong.headMisfits(linear),
      ...wrong.featureMap(linear),
      ...wrong.boolean('causal', linear),
      ...wrong.layout(linear),
      ...wrong.options(bare),
      ...wrong.number('scale', [Infinity], softmax),
      ...wrong.wrongKind('kind', [1, null, undefined], bare),
      ...wrong.wrongValue('kind', ['', 'cosine'], bare),
    ];
  });

  test('a refused linear call leaves state and out as they were', (attention, keep) => {
    const { q, k, v } = inputs(shape);
    const state = keep(stateFor(attention, { k, v }));
    attention.linear(q, k, v, { causal: true, state });
    const [S, z] = [state.data.slice(), state.keySum.slice()];
    const filled = new Float32Array(2 * 4 * T * 3).fill(7);
    const resident = keep(attention.tensor([2, 4, T, 3], filled));
    const spoiling = [{ scale: NaN }, { eps: -1 }, { keyLengths: [1] }, { causal: 1 }, { layout: 'x' }];
    for (const out of [filled, resident]) {
      for (const bad of spoiling) {
        assert.throws(() => attention.linear(q, k, v, { causal: true, state, out, ...bad }), JSON.stringify(bad));
        if (!('eps' in bad)) assert.throws(() => attention.softmax(q, k, v, { out, ...bad }), JSON.stringify(bad));
      }
      const short = gaussian([2, 2, T - 1, 3], 1);
      assert.throws(() => attention.linear(q, k, short, { causal: true, state, out }), RangeError);
      assert.ok((out.data ?? out).every((x) => x === 7));
    }
    assertSame(state.data, S);
    assertSame(state.keySum, z);
    assert.equal(state.length, T);
  });

  test('ndarrays pass as they are, and views of one whose elements lie elsewhere are refused', (attention) => {
    const { q, k, v } = inputs(shape);
    const [B, H, T, d] = q.shape;
    const strided = (stride, offset = 0) => ({ data: q.data, shape: q.shape, stride, offset });
    assertSame(attention.softmax(strided([H * T * d, T * d, d, 1]), k, v), attention.softmax(q, k, v));
    const one = { data: new Float32Array(4), shape: [1, 4], stride: [0, 1], offset: 0 };
    assert.equal(attention.softmax(one, one, one).data.length, 4);
    wrong.refuse(
      attention,
      [
        range('a transposed view', 'q', () => attention.softmax(strided([H * T * d, T * d, 1, T]), k, v)),
        range('a flipped view', 'q', () => attention.softmax(strided([-H * T * d, T * d, d, 1], (B - 1) * H * T * d), k, v)),
      ],
      () => ({}),
    );
  });

  test.run();
}
