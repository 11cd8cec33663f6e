// The models and examples from the page's own origin. A build names the files by their content, so that browsers may keep them.
import { createAttention } from 'linear-attention-wasm';
import { createModel, digitBuild } from './model.js';

const urls = {
  linear: new URL('../models/linear.safetensors', import.meta.url),
  softmax: new URL('../models/softmax.safetensors', import.meta.url),
  examples: new URL('../models/examples.u8', import.meta.url),
  painted: new URL('../models/painted.u8', import.meta.url),
  heldOut: new URL('../models/heldout.u8', import.meta.url),
};
/** What each weighs, for a progress bar that knows its end before the first answer. */
const sizes = { linear: 2_535_232, softmax: 2_535_232, examples: 7_840, painted: 23_550, heldOut: 157_000 };
const digitNames = { examples: 'example digits', painted: 'painted digits', heldOut: 'held-out digits' };

const failed = (name, url, reason, cause) =>
  new Error(`the ${digitNames[name] ?? `${name} model`} did not load from ${url.pathname} (${reason}). Check the connection, and that demo/models is served beside the page, and try again`, { cause });

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

/**
 * The models and example digits: downloaded when asked for, each once, and made into models when first used, on an instance
 * of their own.
 */
export function createDigits() {
  const downloads = {};
  const files = {};
  const made = {};
  let attention;

  const fetchOnce = (name, onBytes) => {
    downloads[name] ??= download(name, (count) => onBytes(name, count)).then(
      (bytes) => (files[name] = bytes),
      (error) => {
        delete downloads[name]; // so that it may be tried again
        throw error;
      },
    );
    return downloads[name];
  };
  const model = (name) => {
    try {
      return (made[name] ??= createModel(attention, files[name]));
    } catch (cause) {
      throw failed(name, urls[name], cause.message, cause);
    }
  };
  /** Digits of a file, sequences of tokens [class, pixel 0, pixel 1 …]. */
  const sequences = (name, { length }) => {
    const size = length + 1;
    return (made[name] ??= Array.from({ length: files[name].length / size }, (_, n) => Int32Array.from(files[name].subarray(n * size, (n + 1) * size))));
  };
  return {
    /** Resolves when these files, and the examples, are here. `onProgress(loaded, total)` in bytes. */
    async download(names, onProgress = () => {}) {
      const wanted = [...names, 'examples'];
      const loaded = Object.fromEntries(wanted.map((name) => [name, files[name] ? sizes[name] : 0]));
      const sum = (numbers) => Object.values(numbers).reduce((total, one) => total + one, 0);
      const total = wanted.reduce((bytes, name) => bytes + sizes[name], 0);
      const onBytes = (name, count) => {
        loaded[name] += count;
        onProgress(sum(loaded), total);
      };
      await Promise.all(wanted.map((name) => fetchOnce(name, onBytes)));
      attention ??= await createAttention(digitBuild);
    },
    models: {
      get linear() {
        return model('linear');
      },
      get softmax() {
        return model('softmax');
      },
    },
    /** examples[d] is a real digit d. */
    get examples() {
      const size = this.models.softmax.sizes.length;
      return (made.examples ??= Array.from({ length: files.examples.length / size }, (_, digit) => files.examples.slice(digit * size, (digit + 1) * size)));
    },
    /** Digits that the softmax model painted, each with its class. */
    get painted() {
      return sequences('painted', this.models.softmax.sizes);
    },
    /** Real digits that no model learned from, each with its class. */
    get heldOut() {
      return sequences('heldOut', this.models.softmax.sizes);
    },
  };
}
