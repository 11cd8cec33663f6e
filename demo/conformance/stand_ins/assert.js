// What the suites use of node:assert, for browsers; vite.config.js puts it in that one's place.

class AssertionError extends Error {
  name = 'AssertionError';
}

const show = (value) => {
  const text = ArrayBuffer.isView(value) || Array.isArray(value) ? `[${Array.from(value.slice(0, 8), String).join(', ')}${value.length > 8 ? ', …' : ''}]` : String(value);
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
};

/** Throws unless it holds; `message` may be an error, which is thrown as it is. */
function hold(holds, message, otherwise) {
  if (holds) return;
  throw message instanceof Error ? message : new AssertionError(message ? `${message}: ${otherwise}` : otherwise);
}

const isList = (value) => ArrayBuffer.isView(value) || Array.isArray(value);
const isObject = (value) => typeof value === 'object' && value !== null;

function isSame(a, b) {
  if (!isObject(a) || !isObject(b)) return Object.is(a, b) || a === b;
  if (isList(a) !== isList(b)) return false;
  if (isList(a)) return a.length === b.length && a.every((value, i) => isSame(value, b[i]));
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => Object.hasOwn(b, name) && isSame(a[name], b[name]));
}

const meets = (value, wanted) => (wanted instanceof RegExp ? wanted.test(value) : isSame(value, wanted));

/** `expected`: a class, a function that says whether it is right, a pattern of the message, or properties. */
function isExpected(error, expected) {
  if (expected === undefined || typeof expected === 'string') return true;
  if (expected instanceof RegExp) return expected.test(String(error));
  if (typeof expected === 'object') return Object.entries(expected).every(([name, wanted]) => meets(error[name], wanted));
  return expected === Error || Error.isPrototypeOf(expected) ? error instanceof expected : expected(error) === true;
}

export default {
  fail: (message) => hold(false, message, 'failed'),
  ok: (value, message) => hold(value, message, `${show(value)} is not true`),
  equal: (actual, expected, message) => hold(Object.is(actual, expected) || actual === expected, message, `${show(actual)}, expected ${show(expected)}`),
  notEqual: (actual, expected, message) => hold(actual !== expected, message, `${show(actual)} is what it must not be`),
  deepEqual: (actual, expected, message) => hold(isSame(actual, expected), message, `${show(actual)}, expected ${show(expected)}`),
  match: (text, pattern, message) => hold(pattern.test(text), message, `${show(text)} does not match ${pattern}`),
  throws(call, expected, message) {
    let thrown;
    try {
      call();
    } catch (error) {
      thrown = { error };
    }
    hold(thrown, message, `nothing was thrown${typeof expected === 'string' ? `: ${expected}` : ''}`);
    hold(isExpected(thrown.error, expected), message, `another error was thrown: ${thrown.error}`);
  },
};
