/** The program that every app runs: source text for the tools, and whether what it reports is right. */
import assert from 'node:assert';
import * as oracle from '../oracle.js';
import { assertClose } from '../tolerance.js';

/** Ways to the library: how each imports it, and on how many threads it computes. */
export const columns = {
  main: { entry: 'linear-attention-wasm', threads: 1 },
  worker: { entry: 'linear-attention-wasm/worker', threads: 1 },
  inline: { entry: 'linear-attention-wasm/inline', threads: 1 },
  threads: { entry: 'linear-attention-wasm', threads: 2 },
};

const makeInputs = `const shape = [1, 3, 300, 32];
const make = (seed) => ({ data: Float32Array.from({ length: 28800 }, (_, i) => (((i + seed) * 7919) % 251) / 125 - 1), shape });
const [q, k, v] = [1, 20, 300].map(make);`;

/** Of a size that threads share, and every 97th number of the results, for JSON. */
export const checkSource = `${makeInputs}
const some = ({ data }) => Array.from(data).filter((_, i) => i % 97 === 0);
export const describe = ({ name, code, message }) => ({ error: { name, code, message } });
export async function check(createAttention, options) {
  try {
    const attention = await createAttention(options);
    const linear = some(await attention.linear(q, k, v, { causal: true }));
    const softmax = some(await attention.softmax(q, k, v));
    const told = { threads: await attention.threads, reason: await attention.threadsReason, linear, softmax };
    await attention.dispose();
    return told;
  } catch (error) {
    return describe(error);
  }
}
`;

/** A program that leaves what came of it where `end` puts the promise; `wasm` is source text of that option. */
export function program(column, end = (outcome) => `globalThis.outcome = ${outcome};`, { entry = columns[column].entry, wasm, check = './check.js', head = '' } = {}) {
  const options = `{ threads: ${columns[column].threads}${wasm ? `, wasm: ${wasm}` : ''} }`;
  return `import { createAttention } from '${entry}';\nimport { check } from '${check}';\n${head}${end(`check(createAttention, ${options})`)}\n`;
}

let expected;

function exact() {
  const { q, k, v } = new Function(`${makeInputs}; return { q, k, v };`)();
  const some = (values) => Array.from(values.data ?? values).filter((_, i) => i % 97 === 0);
  return { linear: some(oracle.linear(q, k, v, { causal: true }).o), softmax: some(oracle.softmax(q, k, v)) };
}

/** Throws unless the outcome is attention, by the float64 formulas, on as many threads as the column asks for. */
export function assertOutcome(column, outcome) {
  if (!outcome || outcome.error) throw new Error(outcome?.error?.message ?? 'the program reported nothing');
  expected ??= exact();
  for (const kind of ['linear', 'softmax']) assertClose(outcome[kind], expected[kind], { rule: kind, name: kind });
  assert.equal(outcome.threads, columns[column].threads, outcome.reason);
}
