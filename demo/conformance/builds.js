// The builds of the library, each made as its tests in Node make it; or why this browser cannot run it.
import { createAttention } from 'linear-attention-wasm';
import { createThreaded } from '../../tests/threaded.js';
import { hasRelaxedSimd } from '../../web/core/load.js';
import { openThread } from '../../web/packaged.js';
import { threadsObstacle } from '../../web/threads/pool.js';

const relaxedObstacle = () => (hasRelaxedSimd() ? null : 'this browser has no relaxed SIMD');
const noThreads = () => threadsObstacle(openThread);

/** `bits`: whose recorded bits it has everywhere. */
const builds = {
  scalar: {
    bits: 'simd',
    make: () => createAttention({ wasm: new URL('../../web/dist/scalar.wasm', import.meta.url) }),
  },
  simd: { bits: 'simd', make: () => createAttention({ build: 'simd' }) },
  'simd-threads': { bits: 'simd-threads', obstacle: noThreads, make: () => createThreaded('simd', 2) },
  relaxed: { obstacle: relaxedObstacle, make: () => createAttention({ build: 'relaxed' }) },
  'relaxed-threads': { obstacle: () => relaxedObstacle() ?? noThreads(), make: () => createThreaded('relaxed', 3) },
};

const isUnsupported = (error) => error.code === 'unsupported';

/** Why a build cannot run here, or null. One that ought to run and does not is no such build: its tests fail. */
async function findObstacle({ obstacle, make }) {
  const known = obstacle?.();
  if (known) return known;
  try {
    (await make()).dispose();
    return null;
  } catch (error) {
    return isUnsupported(error) ? error.message : null;
  }
}

/** { id, bits, make, obstacle } of each build that is asked for. */
export const findBuilds = (ids) =>
  Promise.all(ids.map(async (id) => ({ id, ...builds[id], obstacle: await findObstacle(builds[id]) })));
