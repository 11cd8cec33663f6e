/** onnxruntime-node: the native reference, with whatever vector instructions the machine has. Node only. */
import { expresses, onnxWays } from './onnxruntime.js';

export default {
  name: 'onnxruntime-node',
  package: 'onnxruntime-node',
  group: 'native',
  nodeOnly: true,
  expresses,

  async open({ threads }) {
    const { default: ort } = await import('onnxruntime-node');
    return { ort, sessionOptions: { intraOpNumThreads: threads, interOpNumThreads: 1 } };
  },

  ways: onnxWays,
};
