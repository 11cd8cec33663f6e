/** What onnxruntime-web and onnxruntime-node share: one session a graph, JavaScript arrays in and out. */
import { waysOf } from './onnx_graphs.js';
import { swapAxes } from './swap_axes.js';

export const expresses = {
  'feature map': 'composed of other operators',
  normaliser: 'composed: a cumulative sum, or chunks of products',
  causal: 'LinearAttention is causal only; softmax computes the whole square and masks it',
  'state in and out': 'S yes; z composed; both cross JavaScript at every call',
};

/** { name of a way: prepare(inputs) } for a case. */
export function onnxWays({ ort, sessionOptions }, one) {
  const prepare = async (way, inputs) => {
    const { graph, feeds, packed } = way(one);
    const session = await ort.InferenceSession.create(graph.encode(), { logSeverityLevel: 4, ...sessionOptions });
    const tensors = Object.fromEntries(Object.entries(feeds(inputs)).map(([name, [dims, data]]) => [name, new ort.Tensor('float32', data, dims)]));
    const length = one.token ? 1 : one.length;
    let results;
    return {
      async run() {
        results = await session.run(tensors);
      },
      result: () => (packed ? swapAxes(results.y.data, length, one.heads, one.dim) : results.y.data),
      close: () => session.release(),
    };
  };
  return Object.fromEntries(Object.entries(waysOf(one)).map(([name, way]) => [name, (inputs) => prepare(way, inputs)]));
}
