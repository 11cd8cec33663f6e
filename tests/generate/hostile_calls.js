/**
 * Calls whose arguments run code of the caller's when they are read: it disposes of what the call is about to use and gives
 * its place to somebody else, detaches or shrinks arrays, lets memory grow, calls again, or gives another value every time.
 */
import { gaussian } from '../util.js';

const SENTINEL = 12345.5;

/** Tensors that take the place of what was disposed of: nobody but their owner may write there. */
class Victims {
  #tensors = [];
  #attention;

  constructor(attention) {
    this.#attention = attention;
  }

  /** As many as may lie where `bytes` were given back. */
  takeOver(bytes) {
    for (let i = 0; i < 3; i++) {
      const tensor = this.#attention.tensor([bytes / 4]);
      tensor.data.fill(SENTINEL);
      this.#tensors.push(tensor);
    }
  }

  get areWhole() {
    return this.#tensors.every((tensor) => tensor.data.every((x) => x === SENTINEL));
  }

  dispose() {
    for (const tensor of this.#tensors.splice(0)) tensor.dispose();
  }
}

/** Whether it is a state or a cache. */
const isHeld = (object) => object.length !== undefined && object.dispose !== undefined;

/** An array in a buffer that can shrink. */
function shrinking({ data, shape }) {
  const buffer = new ArrayBuffer(data.byteLength, { maxByteLength: data.byteLength });
  new Float32Array(buffer).set(data);
  return { data: new Float32Array(buffer), shape };
}

/**
 * { label, apply(context) }: context has attention, values, options, live, victims, again() and, as they were before
 * anything was spoilt, `real` values and out. `changes`: the numbers may
 * differ; `moves`: what the call updates does; `grows`: memory did.
 */
const EFFECTS = [
  { label: 'lets memory grow', grows: true, apply: ({ attention, real }) => attention.tensor([real.wasmBytes / 4]) },
  { label: 'calls again', changes: true, moves: true, apply: ({ again }) => again() },
  {
    label: 'disposes of out',
    changes: true,
    fits: ({ options }) => options?.out?.dispose,
    apply({ options, victims, real }) {
      const { bytes } = real.out;
      real.out.dispose();
      victims.takeOver(bytes);
    },
  },
  {
    label: 'disposes of the state or cache',
    changes: true,
    moves: true,
    fits: ({ live }) => live.some(isHeld),
    apply({ live, victims }) {
      const object = live.find(isHeld);
      const { bytes } = object;
      object.dispose();
      victims.takeOver(bytes);
    },
  },
  {
    label: 'disposes of an input',
    changes: true,
    fits: ({ values }) => values.some((value) => value?.dispose),
    apply({ real, victims }) {
      for (const value of real.values) {
        if (!value?.dispose) continue;
        const { bytes } = value;
        value.dispose();
        if (bytes > 0) victims.takeOver(bytes);
      }
    },
  },
  {
    label: 'detaches inputs and out',
    changes: true,
    apply({ real }) {
      for (const x of [...real.values.map((value) => value?.data), real.out]) if (ArrayBuffer.isView(x) && x.buffer instanceof ArrayBuffer && x.byteLength > 0 && !real.isWasm(x.buffer)) structuredClone(null, { transfer: [x.buffer] });
    },
  },
  {
    label: 'shrinks inputs',
    changes: true,
    apply({ real }) {
      for (const value of real.values) if (value?.data?.buffer?.resizable) value.data.buffer.resize(4);
    },
  },
];

/** Other values for later reads, after the first has been the good one. */
const CHANGES = [
  ['undefined', undefined], ['null', null], ['length 0.5', { length: 0.5 }], ['NaN', NaN], ['long shape', [2 ** 20, 2 ** 20]], ['another array', new Float32Array(1)], ['large number', 2 ** 30],
];

/** Resident and shrinking forms of the inputs. */
const FORMS = [
  ['arrays', (_, __, x) => x],
  ['shrinking arrays', (_, __, x) => shrinking(x)],
  ['resident', (attention, keep, x) => keep(attention.tensor(x.shape, x.data))],
];

const isTensor = (value) => !value?.dispose && value?.data instanceof Float32Array && value.shape;

/** Where code of the caller's can hide: in options, and in data and shape of tensors. */
function* placesOf({ names, values, options }) {
  for (const name of Object.keys(options ?? {})) yield { where: `option ${name}`, option: name };
  for (const [i, name] of names.entries()) if (isTensor(values[i])) for (const part of ['data', 'shape']) yield { where: `${name}.${part}`, value: i, part };
}

/** A property that gives `values` one after another, the last for good, and runs `effect` at read number `turn`. */
function reading(object, name, values, effect = () => {}, turn = 1) {
  let reads = 0;
  return Object.defineProperty({ ...object }, name, {
    enumerable: true,
    get() {
      if (++reads === turn) effect();
      return values[Math.min(reads, values.length) - 1];
    },
  });
}

/**
 * { title, label, grows, open(attention, keep) } for every place and effect; `open` gives { run, victims, live, changes }, or
 * null where the effect has nothing to work on. `live`: what must be as before when `run` throws. `makeCalls` as publicCalls;
 * titles and places are those of `listed`.
 */
export function hostileCalls(listed, makeCalls) {
  const found = [];
  for (const one of listed) {
    for (const place of placesOf(one)) {
      for (const [form, shapeInputs] of FORMS) {
        for (const effect of EFFECTS) for (const turn of [1, 2]) found.push({ title: one.title, grows: effect.grows, label: `${place.where} ${effect.label} at read ${turn}, ${form}`, open: (attention, keep) => open(attention, keep, one.title, place, shapeInputs, makeCalls, { effect, turn }) });
      }
      for (const [label, later] of CHANGES) for (const turn of [1, 2]) found.push({ title: one.title, label: `${place.where} is ${label} after read ${turn}`, open: (attention, keep) => open(attention, keep, one.title, place, FORMS[0][1], makeCalls, { later, turn }) });
    }
  }
  return found;
}

function open(attention, keep, title, place, shapeInputs, makeCalls, { effect, turn, later }) {
  const one = makeCalls(attention, keep).find((call) => call.title === title);
  const values = one.values.map((value, i) => (isTensor(value) && i !== place.value ? shapeInputs(attention, keep, value) : value));
  if (effect?.fits && !effect.fits({ ...one, values })) return null;
  const victims = new Victims(attention);
  const wasm = keep(attention.tensor([1])).data.buffer;
  const real = { values: [...values], out: one.options?.out, isWasm: (buffer) => buffer === wasm, wasmBytes: wasm.byteLength };
  const again = () => one.call(one.values, one.options);
  const context = { ...one, attention, values, victims, real, again };
  const run = effect ? () => keep(effect.apply(context)) : undefined;
  const spoil = (object, name) => (effect ? reading(object, name, [object[name]], run, turn) : reading(object, name, [...new Array(turn).fill(object[name]), later]));
  const spoilt = place.option === undefined ? [values.map((value, i) => (i === place.value ? spoil(value, place.part) : value)), one.options] : [values, spoil(one.options, place.option)];
  return { run: () => one.call(...spoilt), victims, live: effect?.moves ? [] : one.live.filter(isHeld), changes: effect?.changes === true };
}

/** Tensors, states and caches that no call has anything to do with. */
export function bystanders(attention, keep) {
  const tensor = keep(attention.tensor([300]));
  tensor.data.fill(1.5);
  const state = keep(attention.state({ heads: 2, dim: 4 }));
  const cache = keep(attention.cache({ heads: 2, dim: 4, maxLength: 9 }));
  const qkv = [1, 2, 3].map((seed) => gaussian([2, 5, 4], seed));
  attention.linear(...qkv, { causal: true, state });
  attention.softmax(...qkv, { cache });
  return [tensor, state, cache];
}
