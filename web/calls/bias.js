/** What softmax adds to its scores: an array, or slopes by head. */
import { floatsFrom } from '../core/arrays.js';
import { wrongKind, wrongShape, wrongValue } from '../core/errors.js';
import { numbersIn, takeNumbers } from '../core/given.js';
import { floatsOf, locate, place } from '../core/operand.js';
import { checkNumber, MAX_SIZE } from '../core/validate.js';

const BIAS = 'an array of slopes, one a head, or a tensor [heads or 1, queries, keys]';

/** A list or a tensor. */
export function takeBias(name, value) {
  if (value === null || typeof value === 'number') throw wrongKind(name, BIAS, value);
  return takeNumbers(name, value);
}

const checkSlope = (slope, h) => checkNumber(`bias[${h}]`, slope, NaN);

/** Slopes of a list, read; null where none were given, else { given, slopes }. */
export function readBias(given, { q }) {
  if (given === undefined) return null;
  if (given.list === undefined) {
    const { shape } = given;
    if (shape.length !== 1 && shape.length !== 3) throw wrongShape('bias', `[${q.heads}] or [${q.heads} or 1, queries, keys]`, shape);
    if (shape.some((size) => size > MAX_SIZE)) throw wrongShape('bias', `with sizes of at most ${MAX_SIZE}`, shape);
    if (shape.length === 3 || shape[0] === q.heads) return { given, slopes: null };
    throw wrongShape('bias', `[${q.heads}], a slope a head`, shape);
  }
  if (given.length !== q.heads) throw wrongValue('bias', `${q.heads} slopes, one a head, or a tensor`, given.list);
  return { given, slopes: numbersIn(given).map(checkSlope) };
}

/** Finds where a tensor lies; `keys`: the keys of the call, null where a cache keeps only some. */
export function locateBias(core, bias, { q }, keys) {
  if (bias === null || bias.slopes !== null) return null;
  const { given } = bias;
  const { shape } = given;
  if (shape.length === 1) {
    locate(core, given);
    bias.slopes = Array.from(floatsOf(core, given), checkSlope);
    return given;
  }
  if (keys === null) throw new RangeError('bias must be slopes with a cache that has a window: it keeps only the last keys');
  const fits = (shape[0] === 1 || shape[0] === q.heads) && shape[1] === q.rows && shape[2] === keys;
  if (!fits) throw wrongShape('bias', `[${q.heads} or 1, ${q.rows}, ${keys}]`, shape);
  return locate(core, given);
}

/** The fields of the argument struct. */
export function placeBias(frame, bias, args) {
  if (bias === null) return;
  if (bias.slopes !== null) {
    args.slopes = frame.copyIn(floatsFrom(bias.slopes));
    return;
  }
  const [heads, queries, keys] = bias.given.shape;
  args.bias = { data: place(frame, bias.given), batch: 0, head: heads === 1 ? 0 : queries * keys, row: keys };
}
