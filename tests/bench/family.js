/** Every feature map and every preset, whole and per token. Causal sequences all run the fused recurrence (src/linear/recurrence.h). */
import { gaussian, tensorOf } from '../util.js';
import { unitRows } from './unit_rows.js';

/** Maps with the options to measure them with; `projected`: columns of xW, whose products count as useful. */
const maps = [
  { name: 'elu' },
  { name: 'relu' },
  { name: 'favor', options: { features: 128 }, projected: 128 },
  { name: 'favor', label: 'favor, hyperbolic', options: { features: 128, hyperbolic: true }, projected: 64 },
  { name: 'rff', options: { features: 128 }, projected: 64 },
  { name: 'dpfp' },
  { name: 'taylor' },
  { name: 'hedgehog' },
  { name: 'learned', options: ({ dim }) => ({ weights: gaussian([dim, dim], 1, dim ** -0.5) }), projected: 'dim' },
  { name: 'cosformer', options: { maxLength: 2 ** 30 } },
];

function presetInputs(attention, { heads, length, dim }) {
  const shape = [1, heads, length, dim];
  const tensor = (wanted, fill) => attention.tensor(wanted, tensorOf(wanted, fill).data);
  return {
    q: attention.tensor(shape, gaussian(shape, 1).data),
    k: attention.tensor(shape, unitRows(gaussian(shape, 2)).data),
    v: attention.tensor(shape, gaussian(shape, 3).data),
    wide: tensor(shape, (i) => -((i % 13) / 26)),
    narrow: tensor([1, heads, length], (i) => -((i % 13) / 26)),
    beta: tensor([1, heads, length], (i) => ((i % 7) + 1) / 8),
    dt: tensor([1, heads, length], (i) => ((i % 7) + 1) / 70),
    rates: Float32Array.from({ length: heads }, (_, h) => -1 - h),
    out: attention.tensor(shape),
  };
}

/** Whole causal sequences: the maps, then the presets, on resident tensors. */
export function familyCases(attention, sizes) {
  const { heads, length, dim } = sizes;
  const { q, k, v, wide, narrow, beta, dt, rates, out } = presetInputs(attention, sizes);
  const flops = (features) => 4 * length * features * dim * heads;
  const mapCases = maps.map(({ name, label = name, options, projected = 0 }) => {
    const map = attention.featureMap(name, { dim, ...(typeof options === 'function' ? options(sizes) : options) });
    const columns = projected === 'dim' ? dim : projected;
    const run = () => attention.linear(q, k, v, { featureMap: map, causal: true, out });
    return { name: `${label}, ${map.features} features`, run, flops: flops(map.features) + 4 * length * dim * columns * heads };
  });
  const preset = (name, run) => ({ name, run, flops: flops(dim) });
  return [
    ...mapCases,
    preset('retention', () => attention.retention(q, k, v, { out })),
    preset('mamba2, D', () => attention.mamba2(v, dt, rates, k, q, { D: rates, out })),
    preset('gla', () => attention.gla(q, k, v, { g: wide, out })),
    preset('deltaNet', () => attention.deltaNet(q, k, v, { beta, out })),
    preset('gatedDeltaNet', () => attention.gatedDeltaNet(q, k, v, { g: narrow, beta, out })),
    preset('kda', () => attention.kda(q, k, v, { g: wide, beta, out })),
  ];
}

/** One token of each map and of each kind of gate. */
export function familyTokens(attention, { heads, dim }) {
  const token = [1, heads, dim];
  const tensor = (shape, seed) => attention.tensor(shape, gaussian(shape, seed, dim ** -0.5).data);
  const [q, k, v, out] = [4, 5, 6, 7].map((seed) => tensor(token, seed));
  const wide = attention.tensor(token, new Float32Array(heads * dim).fill(-0.1));
  const narrow = attention.tensor([1, heads], new Float32Array(heads).fill(-0.1));
  const beta = attention.tensor([1, heads], new Float32Array(heads).fill(0.5));
  const mapCases = maps.map(({ name, label = name, options }) => {
    const map = attention.featureMap(name, { dim, ...(typeof options === 'function' ? options({ dim }) : options) });
    const state = attention.state({ heads, dim, featureMap: map });
    return { name: `${label}, ${map.features} features`, run: () => state.step(q, k, v, { out }) };
  });
  const gated = (name, gates) => {
    const state = attention.state({ heads, dim, featureMap: 'identity', normalize: false });
    return { name, run: () => state.step(q, k, v, { ...gates, out }) };
  };
  return [
    ...mapCases,
    gated('decay a head (retention, mamba2)', { decay: narrow }),
    gated('decay a channel (gla)', { decay: wide }),
    gated('delta rule (deltaNet)', { beta }),
    gated('delta rule, decay a head (gatedDeltaNet)', { decay: narrow, beta }),
    gated('delta rule, decay a channel (kda)', { decay: wide, beta }),
  ];
}
