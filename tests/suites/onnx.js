/** The ONNX operator LinearAttention: its own node tests, and its refusals. */
import assert from 'node:assert';
import { LinearAttention } from '../../web/onnx.js';
import { assertClose, assertSame } from '../tolerance.js';
import { gaussian, loadGolden, tensorOf } from '../util.js';
import { attentionSuite, throwsKind } from './harness.js';

export function onnx(name, make) {
  const test = attentionSuite(name, make);

  for (const [title, { attrs, dtype, in: given, out }] of loadGolden('onnx')) {
    test(title, (attention) => {
      const { output, present_state } = LinearAttention(attention, given, attrs);
      const rule = dtype === 'float16' ? 'half' : 'golden';
      assert.deepEqual([output.shape, present_state.shape], [out.output.shape, out.present_state.shape]);
      assertClose(output, out.output, { rule, name: 'output' });
      assertClose(present_state, out.present_state, { rule, name: 'present_state' });
    });
  }

  const [B, T, heads, kvHeads, dim, valueDim] = [2, 7, 4, 2, 6, 5];
  const inputs = {
    query: gaussian([B, T, heads * dim], 1),
    key: gaussian([B, T, kvHeads * dim], 2, 0.4),
    value: gaussian([B, T, kvHeads * valueDim], 3),
    decay: tensorOf([B, T, kvHeads], (i) => -(i % 5) / 4),
    beta: tensorOf([B, T, 1], (i) => (i % 3) / 3),
  };
  const attributes = { q_num_heads: heads, kv_num_heads: kvHeads };

  test('the state carries over: a prompt, then a token', (attention) => {
    const part = (from, to) => Object.fromEntries(Object.entries(inputs).map(([key, { data, shape: [, , width] }]) => [key, tensorOf([B, to - from, width], (i) => data[Math.floor(i / ((to - from) * width)) * T * width + from * width + (i % ((to - from) * width))])]));
    const whole = LinearAttention(attention, inputs, attributes);
    const first = LinearAttention(attention, part(0, 6), attributes);
    const second = LinearAttention(attention, { ...part(6, 7), past_state: first.present_state }, attributes);
    assertClose(second.present_state, whole.present_state, { rule: 'delta' });
    const last = tensorOf(second.output.shape, (i) => whole.output.data[(Math.floor(i / (heads * valueDim)) * T + 6) * heads * valueDim + (i % (heads * valueDim))]);
    assertClose(second.output, last, { rule: 'delta' });
  });

  test('dims, resident tensors, a scale of 0 and a decay above 0, as the operator takes them', (attention, keep) => {
    const whole = LinearAttention(attention, inputs, attributes);
    const onnxruntime = Object.fromEntries(Object.entries(inputs).map(([key, { data, shape }]) => [key, { data, dims: shape }]));
    assertSame(LinearAttention(attention, onnxruntime, { ...attributes, scale: 0, chunk_size: 64 }).output, whole.output);
    const resident = Object.fromEntries(Object.entries(inputs).map(([key, { data, shape }]) => [key, keep(attention.tensor(shape, data))]));
    assertSame(LinearAttention(attention, resident, attributes).output, whole.output);
    const { output } = LinearAttention(attention, { ...inputs, decay: tensorOf([B, T, kvHeads], () => 0.1) }, attributes);
    assert.ok(output.data.every(Number.isFinite));
  });

  test('integers may be 64-bit ones, as ONNX stores them', (attention) => {
    const { output, present_state } = LinearAttention(attention, inputs, { q_num_heads: BigInt(heads), kv_num_heads: BigInt(kvHeads), chunk_size: 64n });
    const expected = LinearAttention(attention, inputs, attributes);
    assertSame(output, expected.output);
    assertSame(present_state, expected.present_state);
    throwsKind(() => LinearAttention(attention, inputs, { ...attributes, q_num_heads: 3n }), RangeError, /^q_num_heads must be a multiple of kv_num_heads \(2\), got 3/);
    throwsKind(() => LinearAttention(attention, inputs, { ...attributes, kv_num_heads: -1n }), RangeError, /^kv_num_heads must be an integer/);
  });

  test('a batch of none gives empty results of their shapes, and a sequence of none the state that it was given', (attention) => {
    const empty = (batch, length) => ({
      query: gaussian([batch, length, heads * dim], 1), key: gaussian([batch, length, kvHeads * dim], 2), value: gaussian([batch, length, kvHeads * valueDim], 3),
      decay: gaussian([batch, length, kvHeads], 4), beta: gaussian([batch, length, 1], 5), past_state: gaussian([batch, kvHeads, dim, valueDim], 6),
    });
    for (const update_rule of ['linear', 'gated', 'delta', 'gated_delta']) {
      const of = ({ decay, beta, ...rest }) => ({ ...rest, ...(update_rule.includes('gated') && { decay }), ...(update_rule.includes('delta') && { beta }) });
      for (const given of [empty(0, T), empty(0, 0)]) {
        for (const past_state of [given.past_state, null]) {
          const { output, present_state } = LinearAttention(attention, { ...of(given), past_state }, { ...attributes, update_rule });
          assert.deepEqual([output.shape, output.data.length], [[0, given.query.shape[1], heads * valueDim], 0]);
          assert.deepEqual([present_state.shape, present_state.data.length], [[0, kvHeads, dim, valueDim], 0]);
          LinearAttention(attention, { ...of(given), past_state: present_state }, { ...attributes, update_rule });
        }
      }
      const none = empty(B, 0);
      const { output, present_state } = LinearAttention(attention, of(none), { ...attributes, update_rule });
      assert.deepEqual([output.shape, output.data.length], [[B, 0, heads * valueDim], 0]);
      assertSame(present_state, none.past_state);
    }
    const given = empty(0, T);
    for (const [rest, pattern] of [
      [{ past_state: gaussian([1, kvHeads, dim, valueDim], 6) }, /^past_state must have shape \[0, 2, 6, 5\]/],
      [{ value: gaussian([0, T + 1, kvHeads * valueDim], 3) }, /^value must have shape with batch 0 and length 7/],
      [{ decay: gaussian([0, T, 3], 3) }, /^decay must have shape/],
      [{ query: gaussian([1, T, heads * dim], 3) }, /^key must have shape with batch 1/],
    ]) throwsKind(() => LinearAttention(attention, { ...given, ...rest }, attributes), RangeError, pattern);
  });

  test('refusals', (attention) => {
    const { query, key, value, decay, beta } = inputs;
    for (const [given, attrs, kind, pattern] of [
      [inputs, { ...attributes, update_rule: 'retnet' }, RangeError, /update_rule must be one of/],
      [inputs, { kv_num_heads: 2 }, TypeError, /q_num_heads must be an integer/],
      [inputs, { q_num_heads: 4 }, TypeError, /kv_num_heads must be an integer/],
      [inputs, { q_num_heads: 3, kv_num_heads: 2 }, RangeError, /multiple of kv_num_heads/],
      [{ query, key, value, beta }, attributes, TypeError, /'gated_delta' needs input decay/],
      [{ query, key, value, decay }, attributes, TypeError, /'gated_delta' needs input beta/],
      [{ query, key, value, decay }, { ...attributes, update_rule: 'linear' }, TypeError, /'linear' has no input decay/],
      [{ query, key, value, beta }, { ...attributes, update_rule: 'gated' }, TypeError, /needs input decay/],
      [{ query, key, value, beta, decay }, { ...attributes, update_rule: 'delta' }, TypeError, /'delta' has no input decay/],
      [{ ...inputs, query: gaussian([B, T, heads, dim], 1) }, attributes, RangeError, /query must have shape of rank 3/],
      [{ ...inputs, query: gaussian([B, T, 25], 1) }, attributes, RangeError, /multiple of 4, got \[2, 7, 25\]/],
      [{ ...inputs, decay: gaussian([B, T, 3], 1) }, attributes, RangeError, /decay must have shape \[2, 7, 2\] or \[2, 7, 12\]/],
      [{ ...inputs, beta: gaussian([B, T, 3], 1) }, attributes, RangeError, /beta must have shape \[2, 7, 2\] or \[2, 7, 1\]/],
      [{ ...inputs, past_state: gaussian([B, kvHeads, valueDim, dim], 1) }, attributes, RangeError, /past_state must have shape \[2, 2, 6, 5\]/],
      [{ ...inputs, key: gaussian([B, T, kvHeads * 5], 1) }, attributes, RangeError, /key must have shape with dim 6, as query has/],
      [{ ...inputs, query: undefined }, attributes, TypeError, /query must be a tensor/],
      [{ ...inputs, queries: query }, attributes, TypeError, /unknown option 'queries'/],
    ]) throwsKind(() => LinearAttention(attention, given, attrs), kind, pattern, JSON.stringify(attrs));
  });

  test('resident inputs survive the growth that the state causes', async () => {
    const attention = await make();
    const shape = [200, 1, 256];
    const inputs = Object.fromEntries(['query', 'key', 'value'].map((key, i) => [key, gaussian(shape, i)]));
    const attributes = { update_rule: 'linear', q_num_heads: 1, kv_num_heads: 1 };
    const fresh = await make();
    const expected = LinearAttention(fresh, inputs, attributes).output;
    fresh.dispose();
    const [query, key, value] = Object.values(inputs).map((x) => attention.tensor(shape, x.data));
    const size = query.data.buffer.byteLength;
    const { output } = LinearAttention(attention, { query, key: { data: key.data, shape }, value }, attributes);
    assert.ok(query.data.buffer.byteLength > size, 'this test needs growth');
    assertSame(output, expected);
    attention.dispose();
  });

  test('what is no attention instance is refused', (attention) => {
    for (const wrong of [undefined, null, 5, {}, attention.linear]) throwsKind(() => LinearAttention(wrong, inputs, attributes), TypeError, /attention must be/);
  });

  test.run();
}
