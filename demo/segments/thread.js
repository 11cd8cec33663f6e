// A Web Worker of npm run segments, in Node and in pages: one job a message.
import { createAttention } from '../../web/index.js';
import { nodeModule } from '../../web/threads/open.js';
import { perform, warmUp } from './jobs.js';

const port = nodeModule('worker_threads')?.parentPort ?? globalThis;
const attention = await createAttention();
await warmUp(attention);

port.onmessage = async ({ data: { settings, job, saved } }) => {
  port.postMessage({ started: true });
  const begun = performance.now();
  try {
    const bytes = await perform(attention, settings, job, saved);
    port.postMessage({ bytes, ms: performance.now() - begun }, [bytes.buffer]);
  } catch ({ message }) {
    port.postMessage({ error: message });
  }
};
port.postMessage({ ready: true });
