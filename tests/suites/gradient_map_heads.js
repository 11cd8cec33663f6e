/** Heads that share the weights of a map by groups, which the core allows and the binding, whose maps are of one head or all, does not ask for. */
import { placeForward, runLearn } from '../../web/learn/structs.js';
import { linearGradient } from '../../web/learn.js';
import { Frame } from '../../web/core/core.js';
import { internal } from '../../web/core/resident.js';
import { mapFields } from '../../web/maps/feature_map.js';
import { assertClose } from '../tolerance.js';
import { gaussian, inputs, tensorOf } from '../util.js';
import { attentionSuite } from './harness.js';

const [BATCH, HEADS, T, DIM, FEATURES, WIDTH] = [2, 4, 9, 3, 5, 2];

/** Heads of weights that a call of four heads has in the core, of queries and of keys. */
const shared = [[2, 2], [2, 1], [1, 2], [4, 2], [2, 4]];

export function gradientMapHeads(name, make) {
  const test = attentionSuite(name, make);

  test('a map whose weights are of fewer heads has the sums of what each head would have', (attention, keep) => {
    const { q, k, v } = inputs({ batch: BATCH, heads: HEADS, T, dim: DIM, valueDim: WIDTH, make: gaussian });
    const dOut = gaussian(v.shape, 4);
    const core = attention[internal].core;
    const size = DIM * FEATURES;
    for (const [ofQueries, ofKeys] of shared) {
      const [weights, keyWeights] = [gaussian([ofQueries, DIM, FEATURES], 5), gaussian([ofKeys, DIM, FEATURES], 6)];
      const spread = (x, heads) => tensorOf([HEADS, DIM, FEATURES], (i) => x.data[Math.floor((Math.floor(i / size) * heads) / HEADS) * size + (i % size)]);
      const own = keep(attention.featureMap('learned', { dim: DIM, heads: HEADS, weights: spread(weights, ofQueries), keyWeights: spread(keyWeights, ofKeys) }));
      const expected = linearGradient(attention, q, k, v, dOut, { featureMap: own, normalize: false, causal: true });
      const summed = (x, heads) => tensorOf([heads, DIM, FEATURES], (i) => {
        const group = HEADS / heads;
        return Array.from({ length: group }, (_, n) => x.data[(Math.floor(i / size) * group + n) * size + (i % size)]).reduce((a, b) => a + b, 0);
      });

      const one = (heads, x) => keep(attention.featureMap('learned', { dim: DIM, heads, weights: x }));
      const [queryFields, keyFields] = [mapFields(one(ofQueries, weights)), mapFields(one(ofKeys, keyWeights))];
      const map = { ...queryFields, key_weights: keyFields.key_weights, query_heads: ofQueries, key_heads: ofKeys };
      const frame = new Frame(core);
      try {
        const array = (x, width, data = frame.copyIn(x.data)) => ({ data, batch: HEADS * T * width, head: T * width, row: width });
        const room = (floats) => frame.alloc(floats * 4);
        const forward = { batch: BATCH, heads: HEADS, q_heads: HEADS, k_heads: HEADS, v_heads: HEADS, n_q: T, n_k: T, dim: DIM, value_dim: WIDTH, causal: 1, normalize: 0, scale: 1, map, q: array(q, DIM), k: array(k, DIM), v: array(v, WIDTH) };
        const d_map = { query_weights: room(ofQueries * size), key_weights: room(ofKeys * size) };
        runLearn(core, 'la_linear_gradient', { forward: placeForward(core, frame, 'la_linear', forward), out_gradient: array(dOut, WIDTH), d_map });
        assertClose(core.floatsAt(d_map.query_weights, ofQueries * size), summed(expected.dWeights, ofQueries), { rule: 'gradient', name: `dWeights of ${ofQueries} and ${ofKeys}` });
        assertClose(core.floatsAt(d_map.key_weights, ofKeys * size), summed(expected.dKeyWeights, ofKeys), { rule: 'gradient', name: `dKeyWeights of ${ofQueries} and ${ofKeys}` });
      } finally {
        frame.release();
      }
    }
  });

  test.run();
}
