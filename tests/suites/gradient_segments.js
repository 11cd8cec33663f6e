/** Gradients of sequences of which states are kept by the segment: see src/learn/causal_memory.h. */
import { linearGradient } from '../../web/learn.js';
import * as oracle from '../oracle/gradients.js';
import { differentiableMap } from '../oracle/map_gradients.js';
import { assertClose } from '../tolerance.js';
import { gaussian, tensorOf } from '../util.js';
import { attentionSuite } from './harness.js';

/** Of a state of 16 × 512 a segment has 64 blocks. All columns of values but the first are 0, which the oracle is not given. */
const [DIM, WIDTH] = [16, 512];

/**
 * A feature that forgets all at eight tokens of nine ends a block at each of them: a segment has 72 tokens, and a state between
 * two has a decay that it still lacks. Without it a block has 32, and the first segment is known not to be the last.
 */
const SHORT = { tokens: 150, decay: tensorOf([1, 1, 150, DIM], (i) => (i % DIM === 0 && Math.floor(i / DIM) % 9 < 8 ? -17 : -0.01 * (i % DIM % 5))) };
const LONG = { tokens: 64 * 32 + 5, decay: { data: [-0.01], shape: [] } };

const identity = tensorOf([DIM, DIM], (i) => (i % (DIM + 1) === 0 ? 1 : 0));
const cases = {
  'a decay a channel': { ...SHORT },
  'a decay a channel and the delta rule': { ...SHORT, more: { beta: tensorOf([1, 1, 150], (t) => 0.2 + (t % 3) / 4) } },
  'sums that rise beyond float32': { ...SHORT, map: ['learned', { activation: 'exp', weights: identity }], level: (t) => t, more: { normalize: true }, rule: 'exponents' },
  'whole blocks': { ...LONG },
};

const widened = ({ data }) => {
  const wide = new Float32Array(data.length * WIDTH);
  data.forEach((x, t) => (wide[t * WIDTH] = x));
  return { data: wide, shape: [1, 1, data.length, WIDTH] };
};
const narrowed = ({ data, shape }) => tensorOf([1, 1, shape[2], 1], (t) => data[t * WIDTH]);

export function gradientSegments(name, make) {
  const test = attentionSuite(name, make);

  for (const [title, { tokens, decay, map: [kind, mapOptions] = ['identity'], level = () => 0, more, rule = 'gradient' }] of Object.entries(cases)) {
    test(`${title}: as float64 has them`, (attention, keep) => {
      const [q, keys] = [1, 2].map((seed) => gaussian([1, 1, tokens, DIM], seed, 1 / 4));
      const [v, dOut] = [3, 4].map((seed) => gaussian([1, 1, tokens, 1], seed));
      const k = tensorOf(keys.shape, (i) => keys.data[i] + level(Math.floor(i / DIM)));
      const map = { dim: DIM, ...mapOptions };
      const featureMap = keep(attention.featureMap(kind, map));
      const options = { causal: true, normalize: false, ...more };
      const given = decay.shape.length === 0 ? decay.data[0] : decay;
      const actual = linearGradient(attention, q, k, widened(v), widened(dOut), { ...options, decay: given, featureMap });
      const gradientsOf = (isFixed) => oracle.linearGradient(q, k, v, dOut, { ...options, decay, isFixed, map: differentiableMap(kind, { ...map, isFixed }) });
      const expected = gradientsOf(false);
      let terms;
      const compare = (what, x = actual[what]) => assertClose(x, expected[what], { rule, name: what, beside: () => (terms ??= gradientsOf(true))[what] });
      for (const what of ['dq', 'dk', 'dDecay', options.beta && 'dBeta']) if (what) compare(what);
      compare('dv', narrowed(actual.dv));
    });
  }

  test.run();
}
