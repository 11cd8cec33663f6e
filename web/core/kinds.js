/** What an object of the caller's is, of whichever realm: frames and test environments have classes of their own. */
import { isObject } from './lists.js';

const tagOf = (value) => Object.prototype.toString.call(value);

export const isSignal = (value) => tagOf(value) === '[object AbortSignal]';

export const isMap = (value) => isObject(value) && tagOf(value) === '[object Map]';

/** An object of named values: no array, map, date or other thing that has a kind of its own. */
export const isRecord = (value) => isObject(value) && tagOf(value) === '[object Object]';
