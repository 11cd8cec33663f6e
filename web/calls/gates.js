/** decay, beta and what else a call takes a head and token: the shapes that they may have, and where the core finds them. */
import { floatsFrom } from '../core/arrays.js';
import { asTensor, Given } from '../core/given.js';
import { floatsOf, locate, place } from '../core/operand.js';

/** Axes that gates may have where a token's axes are `order`. */
const formsOf = (order) => ({
  /** One number a head and token, one a head, token and feature, or one a head. */
  decay: [order, [...order, 'features'], ['heads']],
  /** One a head and token, or one a token for all heads. */
  beta: [order, order.filter((axis) => axis !== 'heads')],
});

/** By the rank of what the gates go with: the axes of its vectors, without the last. */
const FORMS = {
  bhtd: { 4: formsOf(['batch', 'heads', 'length']), 3: formsOf(['heads', 'length']), 2: formsOf(['length']) },
  bthd: { 4: formsOf(['batch', 'length', 'heads']), 3: formsOf(['length', 'heads']), 2: formsOf(['length']) },
  token: { 3: formsOf(['batch', 'heads']), 2: formsOf(['heads']) },
};

const distinct = (numbers) => numbers.filter((number, i) => numbers.indexOf(number) === i);

/** What the gates of a call may vary over. */
export class GateAxes {
  /** `layout`: that of the call, or 'token'; heads: those of the state and of k. A gate may have either, or 1 for all. */
  constructor(layout, rank, batch, stateHeads, keyHeads, length, features) {
    this.forms = FORMS[layout][rank];
    this.batch = batch;
    this.stateHeads = stateHeads;
    this.keyHeads = keyHeads;
    this.length = length;
    /** A number, or its name while it is not known. */
    this.features = features;
  }
}

function fitsAxis(axis, size, axes) {
  if (axis === 'heads') return size === axes.stateHeads || size === axes.keyHeads || size === 1;
  return size === axes[axis];
}

function fitsForm(shape, form, axes) {
  if (shape.length !== form.length) return false;
  for (let i = 0; i < form.length; i++) if (!fitsAxis(form[i], shape[i], axes)) return false;
  return true;
}

/** A form as text; of heads all numbers that may stand there. */
const describeForm = (form, axes) => `[${form.map((axis) => (axis === 'heads' ? distinct([axes.stateHeads, axes.keyHeads, 1]).join('|') : axes[axis])).join(', ')}]`;

const NO_AXES = [];

/** The axes of the shape that a gate was given with. */
function axesOf({ name, shape }, kind, axes) {
  if (shape.length === 0) return NO_AXES;
  const forms = axes.forms[kind];
  for (let i = 0; i < forms.length; i++) if (fitsForm(shape, forms[i], axes)) return forms[i];
  const shapes = distinct(forms.map((form) => describeForm(form, axes)));
  throw new RangeError(`${name} must be a number or have shape ${shapes.join(' or ')}, got [${shape.join(', ')}]`);
}

/** A gate that was taken, as a tensor: the elements of a list are read only when their number is right. `kind`: decay or beta. */
export function readGate(given, kind, axes, f) {
  if (given === undefined || given === null) return null;
  if (given.list !== undefined) axesOf(given, kind, axes);
  return asTensor(given, f);
}

/** A gate with each number passed through `f`, (number, index) → number, before it is rounded to float32. */
export function convertGate(core, given, kind, axes, f) {
  const read = readGate(given, kind, axes, f);
  const isTensor = given.number === undefined && given.list === undefined;
  return isTensor ? new Given(read.name, null, floatsFrom(floatsOf(core, locate(core, read)), f), read.shape) : read;
}

/** A located gate and how its elements lie: its number of heads, and floats from one batch, head, row or feature to the next. */
class Gate {
  heads = 1;
  batch = 0;
  head = 0;
  row = 0;
  channel = 0;

  constructor(given, axes) {
    this.given = given;
    this.axes = axes;
    const { shape } = given;
    for (let i = axes.length - 1, stride = 1; i >= 0; stride *= shape[i], i--) {
      if (axes[i] === 'batch') this.batch = stride;
      else if (axes[i] === 'length') this.row = stride;
      else if (axes[i] === 'features') this.channel = stride;
      else {
        this.head = stride;
        this.heads = shape[i];
      }
    }
  }

  sizeOf(axis) {
    const at = this.axes.indexOf(axis);
    return at < 0 ? 1 : this.given.shape[at];
  }
}

/** A located gate, once its shape is found to be one of those that it may have; null where there is none. */
export const shapeGate = (given, kind, axes) => (given === null ? null : new Gate(given, axesOf(given, kind, axes)));

/** An la_gate. */
export function gateField(frame, gate) {
  if (gate === null) return 0;
  const { given, heads, batch, head, row, channel } = gate;
  return { data: place(frame, given), heads, batch, head, row, channel };
}

/** Every token counts. */
const ALL = { counts: null, starts: null };

/** LA_MAX_GROWTH. */
const MAX_GROWTH = 88;
/** FLT_MAX. */
const MAX_FLOAT = 2 ** 128 - 2 ** 104;

/** The first element that counts, by what checkRows gave, and is not at most `limit`; undefined where there is none. */
function findAbove(core, gate, limit, { counts, starts }) {
  const data = floatsOf(core, gate.given);
  const [batches, heads, rows, channels] = ['batch', 'heads', 'length', 'features'].map((axis) => gate.sizeOf(axis));
  // A gate with a length and no axis of batches belongs to a batch of one.
  const firstOf = (b) => (starts === null || gate.row === 0 ? 0 : starts[b]);
  const endOf = (b) => (counts === null || gate.row === 0 ? rows : Math.min(rows, firstOf(b) + counts[b]));
  for (let b = 0; b < batches; b++) {
    if (starts !== null && gate.batch !== 0 && counts[b] === 0) continue;
    for (let h = 0; h < heads; h++) {
      for (let t = firstOf(b); t < endOf(b); t++) {
        for (let i = 0; i < channels; i++) {
          const element = b * gate.batch + h * gate.head + t * gate.row + i * gate.channel;
          if (!(data[element] <= limit)) return { element, value: data[element] };
        }
      }
    }
  }
  return undefined;
}

/** What to throw when the core found a decay above 0 or, where growth is allowed, above what float32 bears, or a gate that is not a number. */
export function invalidGate(core, { decay, beta, writeGate = null }, rows = ALL, allowGrowth = false) {
  const most = allowGrowth ? MAX_GROWTH : 0;
  const above = decay && findAbove(core, decay, most, rows);
  if (above) return new RangeError(`${decay.given.name} must be at most ${most} (it is the natural logarithm of what is kept), got ${above.value} at element ${above.element}`);
  for (const gate of [beta, writeGate]) {
    const found = gate && findAbove(core, gate, MAX_FLOAT, rows);
    if (found) return new RangeError(`${gate.given.name} must be finite numbers, got ${found.value} at element ${found.element}`);
  }
  return new RangeError('gates must be finite numbers');
}
