// What threads are asked to do in a browser; what throws here fails the test.
import * as oracle from '../../oracle.js';
import { assertClose, assertSame } from '../../tolerance.js';

const [heads, length, dim] = [3, 300, 32];

/** q, k and v, [1, heads, length, dim], of a size that is worth sharing. */
export function makeInputs() {
  const make = (seed) => ({
    data: Float32Array.from({ length: heads * length * dim }, (_, i) => (((i + seed) * 7919) % 251) / 125 - 1),
    shape: [1, heads, length, dim],
  });
  return [1, 20, 300].map(make);
}

const cases = [
  { kind: 'linear', causal: true },
  { kind: 'linear', causal: false },
  { kind: 'softmax', causal: true },
  { kind: 'softmax', causal: false },
];

/** Where sharing changes no bit; linear attention that shares heads adds up parts of the sequence or of the features. */
const keepsBits = ({ kind }) => kind === 'softmax';

function exact(kind, [q, k, v], causal) {
  return kind === 'softmax' ? oracle.softmax(q, k, v, { causal }) : oracle.linear(q, k, v, { causal }).o;
}

/** What an instance says of itself. */
function about({ build, threads, threadsReason, threadsStartMs }) {
  return { build, threads, threadsReason, threadsStartMs };
}

/** Throws unless every call is exact, the same from run to run, and as on one thread; returns what it ran on. */
export async function compareThreads({ main: { createAttention } }, { build, threads }) {
  const [one, asked] = [await createAttention({ build }), await createAttention({ build, threads })];
  const qkv = makeInputs();
  for (const each of cases) {
    const name = `${each.kind}, causal ${each.causal}`;
    const run = (attention) => attention[each.kind](...qkv, { causal: each.causal });
    const [expected, result] = [run(one), run(asked)];
    assertClose(result, exact(each.kind, qkv, each.causal), { rule: each.kind, name });
    assertClose(result, expected, { rule: each.kind, name: `${name}, against one thread` });
    for (let i = 0; i < 10; i++) assertSame(run(asked), result, `${name}, from run to run`);
    // The relaxed modules with and without threads come from different links, whose code may differ.
    if (one.build === 'simd' && keepsBits(each)) assertSame(result, expected, `${name}, against one thread`);
  }
  const described = about(asked);
  for (const attention of [one, asked]) attention.dispose();
  return described;
}

let kept;

/** Makes an instance that stays until disposeKept. */
export async function keep({ main: { createAttention } }, options) {
  kept = await createAttention(options);
  return about(kept);
}

/** Disposes of it twice, and returns what its use throws afterwards. */
export function disposeKept() {
  for (let i = 0; i < 2; i++) kept.dispose();
  try {
    kept.softmax(...makeInputs());
    return null;
  } catch ({ name, code, message }) {
    return { name, code, message };
  }
}

/** Asks twice for threads in vain. */
export async function askTwice({ main: { createAttention } }, { threads }) {
  const described = [];
  for (let i = 0; i < 2; i++) {
    const attention = await createAttention({ build: 'simd', threads });
    described.push(about(attention));
    attention.dispose();
  }
  return described;
}
