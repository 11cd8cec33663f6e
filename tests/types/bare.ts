// Compiled without the types of a browser or of Node: the declarations need none.
import { createAttention, type Tensor } from 'linear-attention-wasm';
import { createAttention as createInline } from 'linear-attention-wasm/inline';
import { dense, readSafetensors, type Dense } from 'linear-attention-wasm/nn';
import { LinearAttention } from 'linear-attention-wasm/onnx';
import { createAttention as createRemote, type AsyncTensor } from 'linear-attention-wasm/worker';

export async function use(wasm: Uint8Array): Promise<[Tensor, Dense, AsyncTensor]> {
  const attention = await createAttention({ wasm });
  await createInline();
  const remote = await createRemote({ wasm });
  const { tensors } = readSafetensors(wasm);
  const x = attention.tensor([1, 4]);
  LinearAttention(attention, { query: x, key: x, value: x }, { q_num_heads: 1, kv_num_heads: 1, update_rule: 'linear' });
  // @ts-expect-error: not a module
  await createAttention({ wasm: 1 });
  return [x, dense(attention, { weight: tensors.get('w')! }), await remote.tensor([1])];
}
