/** The numbers of a case, all of them from its seed: q, k, v, gates, and how the sequence is cut into calls. */
import { mulberry32, normals, tensorOf } from '../util.js';
import { headsOf } from './axes.js';
import { mapOf } from './maps.js';
import { drawSoftmax } from './softmax_options.js';

/** Length of large vectors once the temperature is in them: exponents of keys are about −45 then, beyond what states take for ordinary. */
const LARGE = 11;

/** The same directions, all of one length. */
function rescale({ data, shape }, length) {
  const width = shape[3];
  for (let start = 0; start < data.length; start += width) {
    const row = data.subarray(start, start + width);
    const factor = length / (Math.hypot(...row) || 1);
    row.forEach((x, i) => (row[i] = x * factor));
  }
  return { data, shape };
}

/**
 * Inputs that are well conditioned in float32, so that tolerance.js holds for single elements: values around 1, products
 * of queries and keys that do not cancel where the map keeps signs.
 */
function vectors(shape, { map, size, dim }, normal) {
  if (size === 'large') return rescale(tensorOf(shape, normal), LARGE * dim ** 0.25);
  if (map === 'identity') return tensorOf(shape, () => 0.1 + Math.abs(normal()) / 2);
  // Exponents grow with the length of the vectors: beyond 40 dims it stays what it is there.
  const shorter = /^(favor|rff)/.test(map) ? Math.min(1, (40 / dim) ** 0.25) : 1;
  if (map.startsWith('rff')) return tensorOf(shape, () => 0.15 * shorter * normal());
  return tensorOf(shape, () => shorter * (normal() + 0.3));
}

const lengthsOf = (kind, batch, most, uniform) => {
  if (kind === 'none') return null;
  const drawn = Array.from({ length: batch }, () => (kind === 'full' ? most : Math.floor(uniform() * (most + 1))));
  if (kind === 'zero') drawn[Math.floor(uniform() * batch)] = 0;
  return drawn;
};

/** The calls along the sequence: { from, to } of the keys, { qFrom, qTo } of the queries, keyLengths, whether it is a step, and where its rows start or packed sequences end. */
function cut({ map, split, keyLengths, queries, length, batch }, uniform) {
  const points = [0];
  if (split === 'pieces') {
    const inner = Array.from({ length: 1 + Math.floor(uniform() * 3) }, () => Math.floor(uniform() * (length + 1)));
    points.push(...inner.sort((a, b) => a - b), length);
  } else if (split === 'steps' || split === 'prompt') {
    for (let t = split === 'steps' ? 1 : Math.ceil(length * uniform()); t <= length; t++) points.push(t);
    if (length === 0) points.push(0);
  } else points.push(length);
  let asked = 0;
  return points.slice(1).map((to, i) => {
    const from = points[i];
    const step = split === 'steps' || (split === 'prompt' && i > 0);
    const count = queries === 'same' ? to - from : Math.floor(uniform() * (length / 2 + 4));
    asked += count;
    const isStep = step && to > from;
    if (keyLengths === 'packed') return { from, to, qFrom: from, qTo: to, step: false, keyLengths: null, starts: null, sequences: [0, ...[0, 1].map(() => Math.floor(uniform() * (to + 1))).sort((a, b) => a - b), to] };
    const kept = isStep && keyLengths !== 'ragged' ? null : lengthsOf(keyLengths, batch, map === 'softmax' ? to : to - from, uniform);
    const isRagged = kept !== null && (keyLengths === 'ragged' || keyLengths === 'padded');
    const starts = isRagged ? kept.map((length) => (keyLengths === 'padded' ? Math.floor(uniform() * (to - from - length + 1)) : 0)) : null;
    return { from, to, qFrom: asked - count, qTo: asked, step: isStep, keyLengths: kept, starts };
  });
}

/** Fills the rows of keys and values that no call counts with NaN: what they hold must not matter. */
function poisonUncounted({ map }, calls, tensors) {
  for (const { data, shape: [B, H, T, d] } of tensors) {
    for (let n = 0; n < B * H; n++) {
      const b = Math.floor(n / H);
      for (let t = 0; t < T; t++) {
        const counts = ({ from, to, keyLengths, lengths, starts }) => {
          if (map === 'softmax' && !lengths && !starts) return t < to && t < (keyLengths?.[b] ?? to);
          const first = from + (starts?.[b] ?? 0);
          return t >= first && t < to && t - first < ((map === 'softmax' ? lengths : keyLengths)?.[b] ?? to);
        };
        if (!calls.some(counts)) data.fill(NaN, (n * T + t) * d, (n * T + t + 1) * d);
      }
    }
  }
}

/** Largest ‖φ(k)‖² of a key: the delta rule is stable for beta up to 2 over it. */
function longestKey({ map }, k, reference) {
  if (map === 'softmax') return 1;
  const [B, H, T, d] = k.shape;
  let most = 0;
  for (let n = 0; n < B * H; n++) {
    const rows = Array.from({ length: T }, (_, t) => Float64Array.from(k.data.subarray((n * T + t) * d, (n * T + t + 1) * d)));
    const starts = new Array(B).fill(0);
    for (const f of reference(starts)(rows, { as: 'key', batch: Math.floor(n / H), head: n % H })) most = Math.max(most, f.reduce((sum, x) => sum + x * x, 0));
  }
  return most || 1;
}

/** Decays of a strength: hardly any and nearly all beside each other where they are mixed. */
const STRENGTHS = {
  mild: (uniform) => -0.3 * uniform(),
  strong: (uniform) => (uniform() < 0.1 ? -60 : -0.5 - 8 * uniform()),
  mixed: (uniform) => -(60 ** (1 - 4.4 * uniform())),
};

/** Now and then a token forgets all. */
function drawDecay(strength, uniform) {
  const kind = uniform();
  return kind < 0.01 ? -Infinity : kind < 0.02 ? -60 : strength(uniform);
}

/** Periods of the tokens. */
const PERIODS = { constant: 1, 'cycle of 7': 7 };

/** Token t is token t mod period. */
function repeated({ data, shape }, { tokens }) {
  const period = PERIODS[tokens] ?? Infinity;
  const [B, H, T, d] = shape;
  for (let n = 0; n < B * H; n++) for (let t = period; t < T; t++) data.copyWithin((n * T + t) * d, (n * T + (t % period)) * d, (n * T + (t % period) + 1) * d);
  return { data, shape };
}

function gates(one, k, map, uniform) {
  const { rule, decay, batch, length, dim } = one;
  const { k: keys, states } = headsOf(one);
  const heads = { states, keys, one: 1 }[one.gateHeads];
  const forget = STRENGTHS[one.strength];
  const per = (shape, draw) => tensorOf(shape, () => draw());
  const features = () => map.reference(new Array(batch).fill(0))([new Float64Array(dim)], { as: 'key', batch: 0, head: 0 })[0].length;
  const longest = rule === 'linear' ? 1 : longestKey(one, k, map.reference);
  const strength = () => (1.5 * uniform()) / longest;
  const decays = {
    none: () => null,
    number: () => per([], () => forget(uniform)),
    head: () => per([heads], () => forget(uniform)),
    token: () => per([batch, heads, length, 1], () => drawDecay(forget, uniform)),
    channel: () => per([batch, heads, length, features()], () => forget(uniform)),
  };
  const betas = {
    linear: () => null,
    'delta number': () => per([], strength),
    'delta token': () => per([batch, heads, length, 1], strength),
    'delta shared': () => per([batch, 1, length, 1], strength),
  };
  return { decay: decays[decay](), beta: betas[rule]() };
}

/** { q, k, v, decay, beta, calls, map } of a case; gates of rank 4 ([batch, heads, length, features or 1]), [heads] or []. */
export function inputsOf(one) {
  const { batch, length, dim, valueDim, seed } = one;
  const heads = headsOf(one);
  const uniform = mulberry32(seed);
  const normal = normals(seed + 1);
  const calls = drawSoftmax(one, cut(one, uniform), uniform, normal);
  const map = mapOf(one);
  const q = repeated(vectors([batch, heads.q, calls.at(-1).qTo, dim], one, normal), one);
  const k = repeated(vectors([batch, heads.k, length, dim], one, normal), one);
  const v = repeated(tensorOf([batch, heads.v, length, valueDim], () => 1 + 0.7 * normal()), one);
  const gate = gates(one, k, map, uniform);
  poisonUncounted(one, calls, calls.some(({ lengths, starts }) => lengths || starts) ? [q, k, v] : [k, v]);
  return { q, k, v, ...gate, calls, map };
}
