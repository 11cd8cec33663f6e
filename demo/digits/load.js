// The models and examples from the page's own origin, kept by the browser: a build names them by their content.
import { createModel } from './model.js';

const files = {
  linear: new URL('../models/linear.safetensors', import.meta.url),
  softmax: new URL('../models/softmax.safetensors', import.meta.url),
  examples: new URL('../models/examples.u8', import.meta.url),
};
/** What the three weigh together, for a progress bar that knows its end before the first answer. */
const TOTAL_BYTES = 2 * 2_535_232 + 7_840;

const failed = (name, url, reason, cause) =>
  new Error(`${name === 'examples' ? 'the example digits' : `the ${name} model`} did not load from ${url.pathname} (${reason}). Check the connection, and that demo/models is served beside the page, then paint again`, { cause });

async function download(name, onBytes) {
  const url = files[name];
  let response;
  try {
    response = await fetch(url, { cache: 'force-cache' });
  } catch (cause) {
    throw failed(name, url, cause.message, cause);
  }
  if (!response.ok) throw failed(name, url, `the server answered ${response.status}`);
  const counter = new TransformStream({
    transform(chunk, controller) {
      onBytes(chunk.length);
      controller.enqueue(chunk);
    },
  });
  try {
    return new Uint8Array(await new Response(response.body.pipeThrough(counter)).arrayBuffer());
  } catch (cause) {
    throw failed(name, url, cause.message, cause);
  }
}

/**
 * @param {object} attention an instance of the library
 * @param {(loaded: number, total: number) => void} onProgress bytes
 * @returns {Promise<{ models: { linear: object, softmax: object }, examples: Uint8Array[] }>} examples[d] is a real digit d
 */
export async function loadDigits(attention, onProgress) {
  let loaded = 0;
  const onBytes = (count) => onProgress((loaded += count), TOTAL_BYTES);
  const [linear, softmax, examples] = await Promise.all(Object.keys(files).map((name) => download(name, onBytes)));
  const models = {};
  for (const [name, bytes] of Object.entries({ linear, softmax })) {
    try {
      models[name] = createModel(attention, bytes);
    } catch (cause) {
      throw failed(name, files[name], cause.message, cause);
    }
  }
  const size = models.linear.sizes.length;
  return { models, examples: Array.from({ length: examples.length / size }, (_, digit) => examples.slice(digit * size, (digit + 1) * size)) };
}
