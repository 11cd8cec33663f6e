/** decay and beta: the shapes that they may have, and where the core finds them. */
import { wrongKind } from '../core/errors.js';
import { floatsOf, place, readOperand } from '../core/operand.js';
import { isList, sameShape } from '../core/validate.js';

/**
 * What a gate is given for. axes: [name, size] of what it varies over, as the call lays them out, out of batch, heads
 * and length; features: d'.
 */
export const sequenceAxes = (layout, { batch, heads, rows, shape }) => {
  const all = { batch, heads, length: rows };
  const names = layout === 'bhtd' ? ['batch', 'heads', 'length'] : ['batch', 'length', 'heads'];
  const kept = shape.length === 4 ? names : shape.length === 3 ? names.slice(1) : ['length'];
  return kept.map((name) => [name, all[name]]);
};

const shapeOf = (axes) => axes.map(([, size]) => size);
const isHeads = ([name]) => name === 'heads';

/** Natural logarithm of what is kept: a number, one a head, one a head and token, or one a head, token and feature. */
export function readDecay(core, value, axes, features, name = 'decay') {
  const perHead = axes.some(isHeads) ? axes.filter(isHeads) : [['heads', 1]];
  return readGate(core, name, value, [axes, [...axes, ['features', features]], perHead]);
}

/** Strength of the delta rule's writes: a number, one a head and token, or one a token for all heads. */
export function readBeta(core, value, axes) {
  const shared = axes.map(([name, size]) => (name === 'heads' ? ['', 1] : [name, size]));
  return readGate(core, 'beta', value, [axes, shared, axes.filter((axis) => !isHeads(axis))]);
}

/** Refuses a list with anything but numbers in it. */
export function checkNumbers(name, list) {
  if (!Array.from(list).every((x) => typeof x === 'number')) throw wrongKind(name, 'a number, an array of numbers or a tensor', list);
}

/** A plain list of numbers as a tensor of rank 1, a number as one of rank 0. */
function asTensor(name, value) {
  if (typeof value === 'number') return { data: Float32Array.of(value), shape: [] };
  if (!isList(value)) return value;
  checkNumbers(name, value);
  return { data: Float32Array.from(value), shape: [value.length] };
}

function readGate(core, name, value, choices) {
  if (value === undefined || value === null) return null;
  const operand = readOperand(core, name, asTensor(name, value), 'a number, an array of numbers or a tensor ({ data, shape } or { data, dims })');
  const axes = operand.shape.length === 0 ? [] : choices.find((choice) => sameShape(shapeOf(choice), operand.shape));
  if (!axes) {
    const shapes = [...new Set(choices.map((choice) => `[${shapeOf(choice).join(', ')}]`))];
    throw new RangeError(`${name} must be a number or have shape ${shapes.join(' or ')}, got [${operand.shape.join(', ')}]`);
  }
  operand.strides = {};
  axes.reduceRight((stride, [axis, size]) => {
    operand.strides[axis] = stride;
    return stride * size;
  }, 1);
  return operand;
}

/** The fields of an la_gate. */
export function gateFields(frame, gate) {
  if (gate === null) return [0, 0, 0, 0, 0];
  const { batch = 0, heads = 0, length = 0, features = 0 } = gate.strides;
  return [place(frame, gate), batch, heads, length, features];
}

/** LA_MAX_GROWTH. */
const MAX_GROWTH = 88;

/** What to throw when the core found a decay above 0 or, where growth is allowed, above what float32 bears. */
export function positiveDecay(core, gate, allowGrowth = false) {
  const data = floatsOf(core, gate);
  const most = allowGrowth ? MAX_GROWTH : 0;
  const at = data.findIndex((x) => x > most);
  return new RangeError(`${gate.name} must be at most ${most} (it is the natural logarithm of what is kept), got ${data[at]} at element ${at}`);
}
