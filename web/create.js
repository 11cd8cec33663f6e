import { Attention } from './attention.js';
import { instantiate } from './load.js';
import { checkInteger, checkOneOf, checkOptions } from './validate.js';

const MAX_THREADS = 1024;
let warned = false;

/** `defaultWasm` is what runs when the caller names no module. */
export async function create(options, defaultWasm) {
  const o = checkOptions('createAttention', options, ['build', 'threads', 'wasm']);
  checkOneOf('build', o.build, ['auto', 'simd'], 'auto');
  const threads = checkInteger('threads', o.threads, 1, MAX_THREADS, 1);
  if (threads > 1 && !warned) {
    warned = true;
    console.warn(`linear-attention-wasm: ${threads} threads were asked for; this version runs on 1`);
  }
  return new Attention(await instantiate(o.wasm === undefined ? defaultWasm() : o.wasm));
}
