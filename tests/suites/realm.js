/** What comes of another realm, as from a frame of a page: its classes are not those of this one. */
import assert from 'node:assert';
import { runInNewContext } from 'node:vm';
import { assertSame } from '../tolerance.js';
import { inputs } from '../util.js';
import { attentionSuite } from './harness.js';

export function realm(name, make) {
  const test = attentionSuite(name, make);

  test('arrays of another realm are taken as any other', (attention) => {
    const { q, k, v } = inputs({ T: 5, dim: 4 });
    const foreign = (x) => ({ data: runInNewContext('(values) => Float32Array.from(values)')(Array.from(x.data)), shape: x.shape });
    assert.ok(!(foreign(q).data instanceof Float32Array));
    assertSame(attention.linear(foreign(q), foreign(k), foreign(v), { keyLengths: runInNewContext('[3]') }), attention.linear(q, k, v, { keyLengths: [3] }));
  });

  test.run();
}
