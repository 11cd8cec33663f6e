/** Tensors, feature maps, states and caches refuse wrong arguments, and change nothing. */
import assert from 'node:assert';
import { assertSame } from '../tolerance.js';
import { gaussian, inputs } from '../util.js';
import { attentionSuite, stateFor, token } from './harness.js';
import * as wrong from './wrong.js';

const { range, shape, type } = wrong;

export function objectArguments(name, make) {
  const test = attentionSuite(name, make);
  const refuses = (title, rows) => test(title, (attention) => wrong.refuse(attention, rows(attention), () => ({})));
  const each = (row, argument, values, call) =>
    values.map((value) => row(`${argument} ${String(value)}`, argument, () => call(value)));

  refuses('tensor', (attention) => {
    const ofShape = (value) => attention.tensor(value);
    const withData = (value) => attention.tensor([2], value);
    return [
      ...each(type, 'shape', [undefined, null, 5, '4', {}, true, ['2'], [null]], ofShape),
      ...each(range, 'shape', [[-1], [1.5], [NaN], [2, -3], [Infinity]], ofShape),
      ...each(type, 'data', [5, 'ab', null, {}, true], withData),
      ...each(range, 'data', [[], [1], [1, 2, 3], new Float32Array(3)], withData),
      type('data of big integers', 'data', () => withData([1n, 2n])),
      type('data of symbols', 'data', () => withData([1, Symbol('one')])),
      type('data of 64-bit integers', 'data', () => withData(BigInt64Array.of(1n, 2n))),
    ];
  });

  refuses('featureMap', (attention) => {
    const call = (_, options) => attention.featureMap('elu', options);
    const byName = (value) => attention.featureMap(value, { dim: 4 });
    return [
      ...[1, null, undefined, {}].map((value) => type(`name ${value}`, /name|featureMap/, () => byName(value))),
      ...['', 'gelu', 'toString'].map((value) => range(`name '${value}'`, /name|featureMap/, () => byName(value))),
      ...wrong.number('dim', [0, -1, 1025, 1.5, Infinity], call),
      range('more features than there may be', /dim must be such that featureMap 'taylor' makes at most 65536 features, got 400/, () => attention.featureMap('taylor', { dim: 400 })),
      type('no dim', 'dim', () => attention.featureMap('elu', {})),
      type('no options', /options|dim/, () => attention.featureMap('elu')),
    ];
  });

  test('featureMap.apply', (attention) => {
    const map = attention.featureMap('elu', { dim: 5 });
    const call = ({ x }, options) => map.apply(x, options);
    const rows = [
      ...wrong.tensors(['x'], call),
      range('x of another dim', 'x', () => map.apply(gaussian([5, 2], 1))),
      ...wrong.options(call),
      ...wrong.wrongKind('as', [1, null], call),
      ...wrong.wrongValue('as', ['', 'value'], call),
    ];
    wrong.refuse(attention, rows, () => ({ x: gaussian([2, 3, 5], 1) }));
  });

  for (const method of ['state', 'cache']) {
    refuses(method, (attention) => {
      const good = { batch: 1, heads: 2, dim: 4, valueDim: 3, ...(method === 'cache' && { maxLength: 9 }) };
      const call = (_, options) => attention[method]({ ...good, ...options });
      const without = (key) => type(`no ${key}`, key, () => call({}, { [key]: undefined }));
      const rows = [
        ...wrong.options((_, options) => attention[method](options)),
        type('no options', /options|heads/, () => attention[method]()),
        without('heads'),
        without('dim'),
        ...['batch', 'heads'].flatMap((key) => wrong.number(key, [0, -1, 1.5, Infinity], call)),
        ...wrong.number('dim', [0, -1, 1025, 1.5], call),
        ...wrong.number('valueDim', [0, -1, 8193, 1.5], call),
      ];
      if (method === 'cache') return [...rows, without('maxLength'), ...wrong.number('maxLength', [0, -1, 1.5], call)];
      return [
        ...rows,
        ...wrong.featureMap(call),
        range('featureMap of another dim', 'featureMap', () => {
          call({}, { featureMap: attention.featureMap('elu', { dim: 5 }) });
        }),
        range('featureMap of heads that do not divide', /featureMap must be for 1 head or a divisor of the state's heads, 2, got one for 3/, () => {
          call({}, { featureMap: attention.featureMap('elu', { dim: 4, heads: 3 }) });
        }),
        ...wrong.boolean('normalize', call),
        ...wrong.number('scale', [Infinity], call),
        ...wrong.number('eps', [-1, Infinity], call),
      ];
    });
  }

  test('step and set, and the state is left as it was', (attention, keep) => {
    const one = () => Object.fromEntries(Object.entries(inputs(shape)).map(([key, x]) => [key, token(x, 0)]));
    const held = keep(stateFor(attention, inputs(shape)));
    held.step(...Object.values(one()));
    const [S, z] = [held.data.slice(), held.keySum.slice()];
    const step = (args, options) => held.step(args.q, args.k, args.v, options);
    const reshaped = (key, lengths) => (args) => step({ ...args, [key]: gaussian(lengths(args[key].shape), 1) });
    const wrongArrays = (length) => [undefined, null, 5, {}, [1], new Float64Array(length)];
    const rows = [
      ...wrong.tensors(['q', 'k', 'v'], step),
      ...['q', 'k', 'v'].flatMap((key) => [
        range(
          `${key} of another batch`,
          key,
          reshaped(key, ([, heads, d]) => [1, heads, d]),
        ),
        range(
          `${key} of another dim`,
          key,
          reshaped(key, ([batch, heads]) => [batch, heads, 7]),
        ),
        range(
          `${key} of 3 heads`,
          /\b(q|k|v|heads)\b/,
          reshaped(key, ([batch, , d]) => [batch, 3, d]),
        ),
        range(
          `${key} without the batch axis`,
          key,
          reshaped(key, ([, heads, d]) => [heads, d]),
        ),
        range(
          `${key} of rank 1`,
          key,
          reshaped(key, ([batch, heads, d]) => [batch * heads * d]),
        ),
        range(
          `${key} of rank 4`,
          key,
          reshaped(key, (lengths) => [...lengths, 1]),
        ),
      ]),
      ...wrong.options(step),
      ...wrong.out(24, keep(attention.tensor([24])), step),
      ...each(type, 'S', wrongArrays(S.length), (value) => held.set(value, z)),
      ...each(type, 'z', wrongArrays(z.length), (value) => held.set(S, value)),
      range('S too short', 'S', () => held.set(S.subarray(1), z)),
      range('z too short', 'z', () => held.set(S, z.subarray(1))),
      range('S of another shape', 'S', () => held.set({ data: S, shape: [2, 2, 3, 5] }, z)),
      range('z of another shape', 'z', () => held.set(S, { data: z, shape: [2, 5, 2] })),
    ];
    wrong.refuse(attention, rows, one, (what) => {
      assertSame(held.data, S, `${what}: S`);
      assertSame(held.keySum, z, `${what}: z`);
      assert.equal(held.length, 1, what);
    });
  });

  test.run();
}
