import { AttentionError, wrongKind } from './errors.js';
import { isOwnBuffer } from './views.js';

/** (module (func (result v128) (v128.const …))): valid only where SIMD128 is. */
const SIMD_PROBE = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11);

/** The same with f32x4.relaxed_madd. */
const RELAXED_PROBE = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 19, 1, 17, 0, 65, 0, 253, 15, 65, 0, 253, 15, 65, 0, 253, 15, 253, 133, 2, 11);

const loadFailed = (message, cause) => new AttentionError('load-failed', message, { cause });

function isFile(url) {
  return url.protocol === 'file:' && typeof globalThis.process?.getBuiltinModule === 'function';
}

/** What the development server of Vite 7 and older, which moves scripts away from what lies beside them, wants. */
export const viteRemedy = (place) => (place.includes('/.vite/') ? "Vite 7 and older need optimizeDeps: { exclude: ['linear-attention-wasm'] }. " : '');

const REMEDY = "Copy the package's web/dist beside your bundle, or pass the module's bytes or URL as { wasm }.";

/** Why nothing beside these files is found, in bundles that do not know where they lie; null in all others. */
export const PLACELESS =
  import.meta.url === undefined ? 'this bundle has no import.meta.url, which ES modules have in most places, so that the files beside linear-attention-wasm cannot be found' : null;

/** The packaged module that `locate` gives. */
export function findPackaged(locate) {
  try {
    return locate();
  } catch (cause) {
    const reason = PLACELESS ?? (typeof URL === 'function' ? cause.message : 'worklets can fetch nothing');
    throw loadFailed(`The wasm module was not found: ${reason}. Pass it as { wasm }, or import 'linear-attention-wasm/inline'`, cause);
  }
}

/** Bun ends a program that waits for nothing but a module that it streams. */
const canStream = () => WebAssembly.compileStreaming && !globalThis.Bun;

/** Streams where the server names the type application/wasm, else compiles the whole body. */
async function compileResponse(response, place = response.url || 'the Response that was given') {
  if (!response.ok) throw loadFailed(`The wasm module was not found: ${place} answered ${response.status} ${response.statusText}. ${viteRemedy(place)}${REMEDY}`);
  const type = response.headers.get('content-type')?.split(';')[0].trim();
  if (type === 'text/html') throw loadFailed(`The wasm module was not found: ${place} answered with a page. ${viteRemedy(place)}${REMEDY}`);
  if (type === 'application/wasm' && canStream()) return WebAssembly.compileStreaming(response);
  return WebAssembly.compile(await response.arrayBuffer());
}

async function readBytes(url) {
  try {
    return await globalThis.process.getBuiltinModule('node:fs/promises').readFile(url);
  } catch (cause) {
    throw loadFailed(`The wasm module was not found: ${cause.message}. A bundle for a server must leave the package outside (serverExternalPackages in Next.js, external in esbuild, Rollup and webpack, no ssr.noExternal in Vite). Or: ${REMEDY}`, cause);
  }
}

/** Engines do not say why nothing was fetched. */
async function fetchFrom(url) {
  try {
    return await fetch(url);
  } catch (cause) {
    throw loadFailed(`The wasm module from ${url.href} could not be loaded: ${cause.message}. It must be served, allowed by connect-src of the page's Content-Security-Policy, and, on another origin, by its CORS headers. Or: ${REMEDY}`, cause);
  }
}

async function compileUrl(url) {
  try {
    return isFile(url) ? await WebAssembly.compile(await readBytes(url)) : await compileResponse(await fetchFrom(url), url.href);
  } catch (cause) {
    throw loadError(cause, ` from ${url.href}`);
  }
}

/** Modules by URL, compiled or on their way; what failed is tried anew. */
const compiled = new Map();

function compileOnce(url) {
  const { href } = url;
  if (!compiled.has(href)) {
    const module = compileUrl(url);
    compiled.set(href, module);
    module.catch(() => compiled.delete(href));
  }
  return compiled.get(href);
}

/** A URL, or text that may be one; worklets have no such class. */
const isPlace = (source) => typeof source === 'string' || (typeof URL === 'function' && source instanceof URL);

function parseUrl(text) {
  try {
    return new URL(text, globalThis.location?.href ?? import.meta.url);
  } catch (cause) {
    throw loadFailed(`wasm is not a URL: ${text}`, cause);
  }
}

function compileSource(source) {
  if (source instanceof WebAssembly.Module) return source;
  if (isOwnBuffer(source) || ArrayBuffer.isView(source)) return WebAssembly.compile(source);
  if (isPlace(source)) return compileOnce(parseUrl(source));
  // After the URL: Node takes 40 ms to make its Response when it is first named.
  if (typeof Response === 'function' && source instanceof Response) return compileResponse(source);
  throw wrongKind('wasm', 'a URL, bytes, a Response or a WebAssembly.Module', source);
}

export const hasRelaxedSimd = () => typeof WebAssembly === 'object' && WebAssembly.validate(RELAXED_PROBE);

/** What can be done where bytes may not become code. */
function compileRemedy({ message }) {
  if (/by embedder/.test(message)) return '. This platform compiles no bytes at run time: import the .wasm file, and pass the module that it gives as { wasm }';
  return /unsafe-eval|Content.Security.Policy|\bCSP\b/i.test(message) ? ". The Content-Security-Policy must have 'wasm-unsafe-eval' in script-src" : '';
}

/** What went wrong while a module `from` somewhere was compiled or instantiated, as an error of ours. */
function loadError(cause, from = '') {
  if (cause instanceof AttentionError || (cause instanceof TypeError && cause.message.startsWith('wasm must'))) return cause;
  if (!WebAssembly.validate(SIMD_PROBE)) return new AttentionError('unsupported', 'This engine has no WebAssembly SIMD (Chrome 91, Firefox 89, Safari 16.4, Node 16 or later have it)', { cause });
  return loadFailed(`The wasm module${from} could not be loaded: ${cause.message}${compileRemedy(cause)}`, cause);
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

/** The exports of a fresh instance; `memory` is for modules with threads, `source`, where the module came from, for errors. */
export async function instantiate(module, memory, source) {
  const from = isPlace(source) ? ` from ${source}` : '';
  let exports;
  try {
    ({ exports } = await WebAssembly.instantiate(module, { env: { memory, emscripten_notify_memory_growth() {} } }));
  } catch (cause) {
    throw loadError(cause, from);
  }
  if (typeof exports.la_linear !== 'function') throw loadFailed(`The wasm module${from} is not one of linear-attention-wasm`);
  exports._initialize?.();
  return memory ? { ...exports, memory } : exports;
}
