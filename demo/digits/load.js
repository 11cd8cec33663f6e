// The models and examples from the page's own origin; a build names the files by their content, so that browsers may keep them.
import { createAttention } from 'linear-attention-wasm';
import { createModel, digitBuild } from './model.js';

const urls = {
  linear: new URL('../models/linear.safetensors', import.meta.url),
  softmax: new URL('../models/softmax.safetensors', import.meta.url),
  examples: new URL('../models/examples.u8', import.meta.url),
};
/** What the three weigh together, for a progress bar that knows its end before the first answer. */
const TOTAL_BYTES = 2 * 2_535_232 + 7_840;

const failed = (name, url, reason, cause) =>
  new Error(`${name === 'examples' ? 'the example digits' : `the ${name} model`} did not load from ${url.pathname} (${reason}). Check the connection, and that demo/models is served beside the page, and try again`, { cause });

/** By XMLHttpRequest, which reports progress: Chromium calls a fetch aborted when its body is read as a stream too soon. */
function download(name, onBytes) {
  const url = urls[name];
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    let seen = 0;
    request.open('GET', url);
    request.responseType = 'arraybuffer';
    request.addEventListener('progress', ({ loaded }) => {
      onBytes(loaded - seen);
      seen = loaded;
    });
    request.addEventListener('load', () => {
      if (request.status === 200) resolve(new Uint8Array(request.response));
      else reject(failed(name, url, `the server answered ${request.status}`));
    });
    request.addEventListener('error', () => reject(failed(name, url, 'the server did not answer')));
    request.send();
  });
}

/** The models, or an error that says which of them is at fault. */
function createModels(attention, files) {
  const models = {};
  for (const [name, bytes] of Object.entries(files)) {
    try {
      models[name] = createModel(attention, bytes);
    } catch (cause) {
      throw failed(name, urls[name], cause.message, cause);
    }
  }
  return models;
}

/**
 * The models on an instance of their own.
 * @param {(loaded: number, total: number) => void} onProgress bytes
 * @returns {Promise<{ models: { linear: object, softmax: object }, examples: Uint8Array[] }>} examples[d] is a real digit d
 */
export async function loadDigits(onProgress) {
  let loaded = 0;
  const onBytes = (count) => onProgress((loaded += count), TOTAL_BYTES);
  const [linear, softmax, examples] = await Promise.all(Object.keys(urls).map((name) => download(name, onBytes)));
  const attention = await createAttention(digitBuild);
  try {
    const models = createModels(attention, { linear, softmax });
    const size = models.linear.sizes.length;
    return { models, examples: Array.from({ length: examples.length / size }, (_, digit) => examples.slice(digit * size, (digit + 1) * size)) };
  } catch (error) {
    attention.dispose();
    throw error;
  }
}
