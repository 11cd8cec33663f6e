/** Makes the n-th allocation of a typed array fail, as an engine does that has no memory left. */
const KINDS = ['Float32Array', 'Float64Array', 'Int32Array', 'Uint8Array'];

const isBuffer = (value) => value instanceof ArrayBuffer || value instanceof SharedArrayBuffer;
const lengthOf = (value) => (typeof value === 'number' ? value : (value?.length ?? 0));

/** Runs `body` while the array after `count` others, of at least two elements, fails. Returns whether it came to that, and what was thrown. */
export function withFailingArrays(count, body) {
  let left = count;
  const originals = KINDS.map((name) => globalThis[name]);
  const failing = (kind) =>
    new Proxy(kind, {
      construct(target, args) {
        if (!isBuffer(args[0]) && lengthOf(args[0]) > 1 && left-- === 0) throw new RangeError('Array buffer allocation failed');
        return Reflect.construct(target, args);
      },
    });
  const put = (kinds) =>
    KINDS.forEach((name, i) => {
      globalThis[name] = kinds[i];
      // By this property slice() finds what to make.
      originals[i].prototype.constructor = kinds[i];
    });
  put(originals.map(failing));
  try {
    body();
    return { failed: left < 0 };
  } catch (error) {
    return { failed: left < 0, error };
  } finally {
    put(originals);
  }
}
