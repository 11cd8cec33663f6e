// For Vite: the bits that this Node gives for the library as it is built, as the module 'virtual:recorded-bits'.
import { createAttention } from '../../web/index.js';
import { digests } from '../../tests/engines/digests.js';
import { createThreaded } from '../../tests/threaded.js';

const NAME = 'virtual:recorded-bits';

async function digestsOf(made) {
  const attention = await made;
  const bits = digests(attention);
  attention.dispose();
  return bits;
}

async function record() {
  const bits = { simd: await digestsOf(createAttention({ build: 'simd' })), 'simd-threads': await digestsOf(createThreaded('simd', 2)) };
  return `export const by = ${JSON.stringify(`Node ${process.versions.node}`)};\nexport const bits = ${JSON.stringify(bits)};\n`;
}

/** The module exports `by`, which engine it was, and `bits`, a digest for each result of each build that has the same everywhere. */
export function recordedBits() {
  return {
    name: 'recorded-bits',
    resolveId: (id) => (id === NAME ? `\0${NAME}` : null),
    load: (id) => (id === `\0${NAME}` ? record() : null),
  };
}
