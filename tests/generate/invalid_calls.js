/** Calls that must be refused: every argument of every public call spoilt in every way, one at a time. */
import { badOptions, badValues } from './bad_values.js';

/** Objects that no call of `attention` may take: of another instance, disposed of, or of another kind or size. */
function wrongObjects(attention, foreign, keep, keepForeign) {
  const gone = (object) => {
    object.dispose();
    return object;
  };
  const sizes = { batch: 2, heads: 2, dim: 5, valueDim: 3 };
  const tensor = keepForeign(foreign.tensor([2, 3]));
  const map = keep(attention.featureMap('favor', { dim: 5, features: 4 }));
  const others = [
    ['tensor of another instance', tensor],
    ['disposed tensor', gone(attention.tensor([2, 3]))],
    ['state as tensor', keep(attention.state(sizes))],
    ['cache as tensor', keep(attention.cache({ ...sizes, maxLength: 9 }))],
    ['map as tensor', map],
    ['instance as tensor', attention],
  ];
  const wrongHeld = [
    ['tensor', keep(attention.tensor([2, 3]))],
    ['state of another instance', keepForeign(foreign.state(sizes))],
    ['cache of another instance', keepForeign(foreign.cache({ ...sizes, maxLength: 9 }))],
    ['disposed state', gone(attention.state(sizes))],
    ['disposed cache', gone(attention.cache({ ...sizes, maxLength: 9 }))],
    ['state of other sizes', keep(attention.state({ ...sizes, valueDim: 2 }))],
    ['cache of other sizes', keep(attention.cache({ ...sizes, valueDim: 2, maxLength: 9 }))],
    ['object of the right prototype', Object.create(Object.getPrototypeOf(keep(attention.state(sizes))))],
  ];
  const wrongMaps = [
    ['map of another instance', keepForeign(foreign.featureMap('relu', { dim: 5 }))],
    ['disposed map', gone(attention.featureMap('favor', { dim: 5, features: 4 }))],
    ['map of another dim', keep(attention.featureMap('relu', { dim: 6 }))],
    ['map for other heads', keep(attention.featureMap('favor', { dim: 5, heads: 3 }))],
  ];
  return { others, wrongHeld, wrongMaps };
}

/** Arguments that may be left out, of any call or of one. */
const OPTIONAL = new Set(['data', 'state.reset rows', 'state.reset, transition rows', 'cache.reset rows']);

/** out over an input, by one element: both views of one resident tensor. mamba2 makes its own of all but x. */
function overlaps(attention, keep, one) {
  if (!one.options?.out || one.names.length === 0) return [];
  return one.names.flatMap((name, i) => {
    const good = one.values[i];
    if (!good?.data || (one.title === 'mamba2' && name !== 'x')) return [];
    const length = one.options.out.length ?? one.options.out.data.length;
    const whole = keep(attention.tensor([good.data.length + length - 1]));
    const input = () => ({ data: whole.data.subarray(0, good.data.length), shape: good.shape });
    return [{ slot: 'out', label: `over ${name}`, make: () => [one.values.map((value, j) => (i === j ? input() : value)), { ...one.options, out: whole.data.subarray(good.data.length - 1) }] }];
  });
}

/** { title, slot, label, make() → [values, options], call, named } for every refusal; `calls` as publicCalls makes them. */
export function invalidCalls(attention, foreign, keep, keepForeign, calls) {
  const world = wrongObjects(attention, foreign, keep, keepForeign);
  return calls.flatMap((one) => {
    const { title, names, values, options, call } = one;
    const rows = names.flatMap((slot, i) => {
      const missing = OPTIONAL.has(slot) || OPTIONAL.has(`${title} ${slot}`) ? [] : [['undefined', undefined]];
      return [...missing, ...badValues(title, slot, values[i], world)].map(([label, value]) => ({ slot, label, make: () => [values.map((good, j) => (i === j ? value : good)), options] }));
    });
    for (const slot of Object.keys(options ?? {})) {
      for (const [label, value] of badValues(title, slot, options[slot], world)) rows.push({ slot, label, make: () => [values, { ...options, [slot]: value }] });
    }
    if (options) {
      rows.push({ slot: 'option', label: 'unknown', make: () => [values, { ...options, nonsense: 1 }] });
      if (title !== 'LinearAttention') for (const [label, value] of badOptions()) rows.push({ slot: 'options', label, make: () => [values, value] });
    }
    rows.push(...overlaps(attention, keep, one));
    return rows.map((row) => ({ title, call, ...row }));
  });
}
