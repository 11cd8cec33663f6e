/** decay, beta and what else a call takes a head and token: the shapes that they may have, and where the core finds them. */
import { floatsFrom } from '../core/arrays.js';
import { asTensor, Given } from '../core/given.js';
import { floatsOf, locate, place } from '../core/operand.js';
import { sameShape } from '../core/validate.js';

/**
 * What a gate is given for: [name, size] of what it varies over, as the call lays it out, out of batch, heads and length.
 */
export const sequenceAxes = (layout, { batch, heads, rows, shape }) => {
  const all = { batch, heads, length: rows };
  const names = layout === 'bhtd' ? ['batch', 'heads', 'length'] : ['batch', 'length', 'heads'];
  const kept = shape.length === 4 ? names : shape.length === 3 ? names.slice(1) : ['length'];
  return kept.map((name) => [name, all[name]]);
};

const isHeads = ([name]) => name === 'heads';
const headsOf = (axes) => (axes.some(isHeads) ? axes.filter(isHeads) : [['heads', 1]]);

/** Natural logarithm of what is kept: a number, one a head, one a head and token, or one a head, token and feature. */
export const decayChoices = (axes, features) => [axes, [...axes, ['features', features]], headsOf(axes)];

/** How strongly a token is written: a number, one a head and token, or one a token for all heads. */
export const betaChoices = (axes) => [axes, axes.map(([name, size]) => (name === 'heads' ? ['', 1] : [name, size])), axes.filter((axis) => !isHeads(axis))];

const shapeOf = (axes) => axes.map(([, size]) => size);

/** The axes of the shape that a gate was given with. */
function axesOf({ name, shape }, choices) {
  const axes = shape.length === 0 ? [] : choices.find((choice) => sameShape(shapeOf(choice), shape));
  if (axes) return axes;
  const shapes = [...new Set(choices.map((choice) => `[${shapeOf(choice).join(', ')}]`))];
  throw new RangeError(`${name} must be a number or have shape ${shapes.join(' or ')}, got [${shape.join(', ')}]`);
}

/** A gate that was taken, as a tensor: the elements of a list are read only when their number is right. */
export function readGate(given, choicesOf, f) {
  if (given === undefined || given === null) return null;
  if (given.list !== undefined) axesOf(given, choicesOf());
  return asTensor(given, f);
}

/** A gate with each number passed through `f`, (number, index) → number, before it is rounded to float32. */
export function convertGate(core, given, choicesOf, f) {
  const read = readGate(given, choicesOf, f);
  const isTensor = given.number === undefined && given.list === undefined;
  return isTensor ? new Given(read.name, null, floatsFrom(floatsOf(core, locate(core, read)), f), read.shape) : read;
}

/** Sets a located gate's strides and sizes by axis, once its shape is found to be one of the choices. */
export function shapeGate(gate, choicesOf) {
  if (gate === null) return;
  gate.strides = {};
  gate.sizes = {};
  axesOf(gate, choicesOf()).reduceRight((stride, [axis, size]) => {
    gate.strides[axis] = stride;
    gate.sizes[axis] = size;
    return stride * size;
  }, 1);
}

/** An la_gate. */
export function gateField(frame, gate) {
  if (gate === null) return 0;
  const { batch = 0, heads = 0, length = 0, features = 0 } = gate.strides;
  return { data: place(frame, gate), batch, head: heads, row: length, channel: features };
}

/** LA_MAX_GROWTH. */
const MAX_GROWTH = 88;
/** FLT_MAX. */
const MAX_FLOAT = 2 ** 128 - 2 ** 104;

/** The first element that counts, by the key lengths of the call, and is not at most `limit`; undefined where there is none. */
function findAbove(core, gate, limit, keyLengths) {
  const data = floatsOf(core, gate);
  const { strides, sizes } = gate;
  const at = (axis, i) => i * (strides[axis] ?? 0);
  for (let b = 0; b < (keyLengths && strides.length ? keyLengths.length : (sizes.batch ?? 1)); b++) {
    const tokens = Math.min(sizes.length ?? 1, (strides.length && keyLengths?.[b]) ?? Infinity);
    for (let h = 0; h < (sizes.heads ?? 1); h++) {
      for (let t = 0; t < tokens; t++) {
        for (let i = 0; i < (sizes.features ?? 1); i++) {
          const element = at('batch', b) + at('heads', h) + at('length', t) + at('features', i);
          if (!(data[element] <= limit)) return { element, value: data[element] };
        }
      }
    }
  }
  return undefined;
}

/** What to throw when the core found a decay above 0 or, where growth is allowed, above what float32 bears, or a gate that is not a number. */
export function invalidGate(core, { decay, beta, writeGate }, keyLengths = null, allowGrowth = false) {
  const most = allowGrowth ? MAX_GROWTH : 0;
  const above = decay && findAbove(core, decay, most, keyLengths);
  if (above) return new RangeError(`${decay.name} must be at most ${most} (it is the natural logarithm of what is kept), got ${above.value} at element ${above.element}`);
  for (const gate of [beta, writeGate]) {
    const found = gate && findAbove(core, gate, MAX_FLOAT, keyLengths);
    if (found) return new RangeError(`${gate.name} must be finite numbers, got ${found.value} at element ${found.element}`);
  }
  return new RangeError('gates must be finite numbers');
}
