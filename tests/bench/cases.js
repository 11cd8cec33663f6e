/** What is measured: each case has a `run`, and `flops` (useful floating-point operations) where a share of the tile's rate means something. */
import { readFile } from 'node:fs/promises';
import { ARGUMENTS, fieldsIn, writeStruct } from '../../web/core/structs.js';
import { gaussian } from '../util.js';

const TILE_PASSES = 500;
const empty = { env: { emscripten_notify_memory_growth() {} } };

async function instantiate(url) {
  const { instance } = await WebAssembly.instantiate(await readFile(url), empty);
  return instance.exports;
}

/** The exports of tile.c, as ./build.sh bench compiles it for a build: with fused multiply-add its rate is higher. */
export async function openTile(build) {
  const tile = await instantiate(new URL(`../../.cache/tile-${build}.wasm`, import.meta.url));
  tile.prepare();
  return tile;
}

export async function tileCase(build) {
  const tile = await openTile(build);
  return { name: '4×8 outer-product tile, K 256', run: () => tile.run(TILE_PASSES), flops: TILE_PASSES * 2 * 4 * 8 * 256 };
}

function normalTensor(attention, shape, seed) {
  return attention.tensor(shape, gaussian(shape, seed).data);
}

/** Whole sequences on resident tensors, feature map and normaliser included. */
export function sequenceCases(attention, { heads, length, dim, layout }) {
  const shape = layout === 'bhtd' ? [1, heads, length, dim] : [1, length, heads, dim];
  const [q, k, v] = [1, 2, 3].map((seed) => normalTensor(attention, shape, seed));
  const out = attention.tensor(shape);
  const linearFlops = 4 * length * dim * dim * heads;
  const softmaxFlops = 4 * length * length * dim * heads;
  const linear = (name, options) => ({ name, run: () => attention.linear(q, k, v, { ...options, layout, out }), flops: linearFlops });
  return [
    linear('linear causal, elu, normalised', { causal: true }),
    linear('linear causal, elu', { causal: true, normalize: false }),
    linear('linear causal, relu, normalised', { causal: true, featureMap: 'relu' }),
    linear('linear causal, identity', { causal: true, featureMap: 'identity', normalize: false }),
    linear('linear full, elu, normalised', {}),
    linear('linear full, elu', { normalize: false }),
    linear('linear full, identity', { featureMap: 'identity', normalize: false }),
    { name: 'softmax causal', run: () => attention.softmax(q, k, v, { causal: true, layout, out }), flops: softmaxFlops / 2 },
    { name: 'softmax full', run: () => attention.softmax(q, k, v, { layout, out }), flops: softmaxFlops },
  ];
}

/** The same la_linear call that state.step makes, on an instance of its own, without the JavaScript interface. */
async function bareStep({ heads, dim }) {
  const core = await instantiate(new URL('../../web/dist/simd.wasm', import.meta.url));
  core._initialize();
  const floats = (count) => {
    const pointer = core.la_alloc(count * 4);
    new Float32Array(core.memory.buffer, pointer, count).fill(0.5);
    return pointer;
  };
  const struct = ARGUMENTS.la_linear;
  const args = core.la_alloc(4 * fieldsIn(struct));
  const [q, k, v, out] = Array.from({ length: 4 }, () => ({ data: floats(heads * dim), batch: heads * dim, head: dim, row: dim }));
  const state = floats(heads * core.la_state_floats(dim, dim));
  const positions = floats(1);
  const { buffer } = core.memory;
  new Float32Array(buffer, state, heads * core.la_state_floats(dim, dim)).fill(0);
  const count = new Int32Array(buffer, positions, 1);
  count[0] = 0;
  writeStruct({ i32: new Int32Array(buffer), f32: new Float32Array(buffer) }, args >>> 2, struct, {
    batch: 1, heads, q_heads: heads, k_heads: heads, v_heads: heads, n_q: 1, n_k: 1, dim, value_dim: dim, causal: 1, normalize: 1, scale: 1, eps: 1e-6,
    map: { dim, query_heads: 1, key_heads: 1 }, positions, q, k, v, out, state,
  });
  return () => {
    if (core.la_linear(args) !== 0) throw new Error('la_linear refused the benchmark');
    count[0]++;
  };
}

/** One token at a time, resident tensors. */
export async function tokenCases(attention, { heads, dim, cached }) {
  const token = [1, heads, dim];
  const [q, k, v] = [4, 5, 6].map((seed) => normalTensor(attention, token, seed));
  const out = attention.tensor(token);
  const state = attention.state({ heads, dim });
  const cache = attention.cache({ heads, dim, maxLength: cached + 4096 });
  const past = [7, 8].map((seed) => normalTensor(attention, [1, heads, cached, dim], seed));
  const query = normalTensor(attention, [1, heads, 1, dim], 9);
  const refill = () => {
    cache.reset();
    attention.softmax(query, past[0], past[1], { cache });
  };
  const one = [4, 5, 6].map((seed) => normalTensor(attention, [1, heads, 1, dim], seed));
  refill();
  return [
    { name: `state.step, heads ${heads}, dim ${dim}`, run: () => state.step(q, k, v, { out }) },
    { name: '  the bare C step', run: await bareStep({ heads, dim }) },
    {
      name: `softmax step, cache of ${cached}`,
      run: () => {
        if (cache.length === cache.maxLength) refill();
        attention.softmax(...one, { cache });
      },
    },
  ];
}
