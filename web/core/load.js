import { AttentionError, wrongKind } from './errors.js';

/** (module (func (result v128) (v128.const …))): valid only where SIMD128 is. */
const SIMD_PROBE = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11);

/** The same with f32x4.relaxed_madd. */
const RELAXED_PROBE = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 19, 1, 17, 0, 65, 0, 253, 15, 65, 0, 253, 15, 65, 0, 253, 15, 253, 133, 2, 11);

const loadFailed = (message, cause) => new AttentionError('load-failed', message, { cause });

function isFile(url) {
  return url.protocol === 'file:' && typeof globalThis.process?.getBuiltinModule === 'function';
}

/** What the development server of Vite 7 and older, which moves scripts away from what lies beside them, wants. */
export const OLD_VITE = "Vite 7 and older need optimizeDeps: { exclude: ['linear-attention-wasm'] }";

/** Streams where the server names the type application/wasm, else compiles the whole body. */
async function compileResponse(response) {
  if (!response.ok) throw loadFailed(`The wasm module was not found: ${response.url} answered ${response.status} ${response.statusText}. Copy the package's web/dist beside your bundle, or pass its bytes or URL as { wasm }.`);
  const type = response.headers.get('content-type')?.split(';')[0].trim();
  if (type === 'text/html') throw loadFailed(`The wasm module was not found: ${response.url} answered with a page. ${OLD_VITE}; else copy the package's web/dist beside your bundle, or pass its bytes or URL as { wasm }.`);
  if (type === 'application/wasm' && WebAssembly.compileStreaming) return WebAssembly.compileStreaming(response);
  return WebAssembly.compile(await response.arrayBuffer());
}

async function compileUrl(url) {
  if (isFile(url)) {
    const { readFile } = process.getBuiltinModule('node:fs/promises');
    return WebAssembly.compile(await readFile(url));
  }
  return compileResponse(await fetch(url));
}

function parseUrl(text) {
  try {
    return new URL(text, globalThis.location?.href ?? import.meta.url);
  } catch (cause) {
    throw loadFailed(`wasm is not a URL: ${text}`, cause);
  }
}

function compileSource(source) {
  if (source instanceof WebAssembly.Module) return source;
  if (source instanceof ArrayBuffer || ArrayBuffer.isView(source)) return WebAssembly.compile(source);
  if (source instanceof URL || typeof source === 'string') return compileUrl(parseUrl(source));
  // After the URL: Node takes 40 ms to make its Response when it is first named.
  if (typeof Response === 'function' && source instanceof Response) return compileResponse(source);
  throw wrongKind('wasm', 'a URL, bytes, a Response or a WebAssembly.Module', source);
}

export const hasRelaxedSimd = () => typeof WebAssembly === 'object' && WebAssembly.validate(RELAXED_PROBE);

/** What went wrong while a module was compiled or instantiated, as an error of ours. */
function loadError(cause) {
  if (cause instanceof AttentionError || (cause instanceof TypeError && cause.message.startsWith('wasm must'))) return cause;
  if (!WebAssembly.validate(SIMD_PROBE)) return new AttentionError('unsupported', 'This engine has no WebAssembly SIMD (Chrome 91, Firefox 89, Safari 16.4, Node 16 or later have it)', { cause });
  return loadFailed(`The wasm module could not be loaded: ${cause.message}`, cause);
}

/** The compiled module at `source`. */
export async function compile(source) {
  if (typeof WebAssembly !== 'object') throw new AttentionError('unsupported', 'This engine has no WebAssembly');
  try {
    return await compileSource(source);
  } catch (cause) {
    throw loadError(cause);
  }
}

/** Modules with threads take their memory from outside. */
export const hasThreads = (module) => WebAssembly.Module.imports(module).some(({ kind }) => kind === 'memory');

/** The exports of a fresh instance; `memory` is for modules with threads. */
export async function instantiate(module, memory) {
  let exports;
  try {
    ({ exports } = await WebAssembly.instantiate(module, { env: { memory, emscripten_notify_memory_growth() {} } }));
  } catch (cause) {
    throw loadError(cause);
  }
  if (typeof exports.la_linear !== 'function') throw loadFailed('The wasm module is not one of linear-attention-wasm');
  exports._initialize?.();
  return memory ? { ...exports, memory } : exports;
}
