/** Plain JavaScript: what a careful developer writes without wasm. */
import { gatedRecurrence } from './plain_gated.js';
import { linearCausal, linearFull, linearStep, softmax, softmaxToken } from './plain_kernels.js';

export default {
  name: 'plain JavaScript',
  package: null,
  group: 'web',
  threadsIn: () => [1],
  expresses: { 'feature map': 'yes', normaliser: 'yes', causal: 'yes', 'state in and out': 'yes' },

  async open() {},

  ways(_, one) {
    const { kind, rule, causal, token } = one;
    const over = (kernel) => ({ q, k, v }) => {
      const out = new Float32Array(q.data.length);
      return { run: () => kernel(one, q.data, k.data, v.data, out), result: () => out };
    };
    if (rule) {
      const gated = ({ q, k, v, decay, beta }) => {
        const out = new Float32Array(q.data.length);
        return { run: () => gatedRecurrence(one, q.data, k.data, v.data, decay.data, beta?.data, out), result: () => out };
      };
      return { recurrence: gated };
    }
    if (kind === 'softmax') return token ? { loop: over(softmaxToken) } : { 'four rows at a time': over(softmax) };
    if (!token) return causal ? { recurrence: over(linearCausal(1)), 'chunks of 32': over(linearCausal(32)) } : { products: over(linearFull) };
    const step = ({ q, step: { k, v }, S, z }) => {
      const state = { S: Float64Array.from(S.data), z: Float64Array.from(z.data) };
      const out = new Float32Array(q.data.length);
      return { run: () => linearStep(one, q.data, k.data, v.data, state, out), result: () => out };
    };
    return { step };
  },
};
