// The experiment of `npm run learn`: paint, learn, and judge by held-out digits.
import { readFileSync } from 'node:fs';
import { distill } from 'linear-attention-wasm/learn';
import { layerMaps } from '../digits/linearize.js';
import { attendToAll, createModel } from '../digits/model.js';
import { paintImages } from '../digits/paint.js';
import { bitsPerDim, replacedAttention } from './bits.js';
import { measureErrors } from './errors.js';
import { headInputs, headsOf } from './heads.js';
import { ERROR_EVERY, readHeldOut } from './held_out.js';

const FAVOR_FEATURES = [64, 256, 1024];
/** Maps without weights whose bits are shown beside those of the learned one. */
const PLAIN = ['elu', 'taylor'];

/** Maps that nothing was learned for; the first weighs all values alike. */
function plainMaps(attention, dim) {
  const constant = { weights: { data: new Float32Array(dim), shape: [dim, 1] }, bias: { data: Float32Array.of(1), shape: [1] } };
  const favor = FAVOR_FEATURES.map((features) => [`favor ${features}`, attention.featureMap('favor', { dim, features })]);
  return { 'mean of V': attention.featureMap('learned', { dim, ...constant }), ...Object.fromEntries(PLAIN.map((name) => [name, name])), ...Object.fromEntries(favor) };
}

const seconds = (since) => (performance.now() - since) / 1000;

/** What `distill` needs to know of the settings. */
const distillOptions = ({ map, activation, features, loss, steps, batch, seed }) => ({ map, activation, features, loss, steps, batch, seed });

/** A map of the chosen heads, by what makes it anew. */
const describeMap = ({ name, options, weights }) => ({ name, options, weights });

/**
 * @param {object} attention an instance with gradients
 * @param {object} settings of demo/learn.js, layers and heads counted from 0
 * @param {(text: string) => void} say
 * @returns {Promise<object>} { maps, seconds, history, errors, bits }: errors by map of each head, bits a pixel by map
 */
export async function learnMaps(attention, settings, say) {
  const model = createModel(attention, readFileSync(new URL('../models/softmax.safetensors', import.meta.url)));
  const chosen = headsOf(settings);
  const heldOut = readHeldOut(model.sizes.length).slice(0, settings.images);

  const painted = paintImages(model, { count: settings.digits, seed: settings.seed });
  say(`painted ${settings.digits} digits with the softmax model in ${painted.seconds.toFixed(1)} s`);
  const start = performance.now();
  const examples = painted.images.map((image, n) => headInputs(model, [painted.classes[n], ...image], chosen));
  const options = distillOptions(settings);
  const before = await distill(attention, examples, { ...options, steps: 0 });
  const prepared = seconds(start);
  const since = performance.now();
  const onProgress = ({ step, steps, loss }) => step % 50 === 0 && say(`  step ${step} of ${steps}: loss ${loss.toFixed(4)}, ${seconds(since).toFixed(1)} s`);
  const { featureMap, history } = await distill(attention, examples, { ...options, onProgress });
  const learned = seconds(since);
  say(`learned ${chosen.length} heads in ${learned.toFixed(1)} s`);

  const judged = heldOut.filter((_, n) => n % ERROR_EVERY === 0);
  const plain = plainMaps(attention, model.sizes.dim);
  const errors = measureErrors(model, judged, chosen, { ...plain, before: before.featureMap, learned: featureMap });
  const replaced = (mapOf) => Array.from({ length: model.sizes.layers }, (_, layer) => (settings.layers.includes(layer) ? { map: mapOf(layer), heads: settings.heads } : undefined));
  const maps = describeMap(featureMap);
  const byLayer = layerMaps(model, maps, chosen);
  const bits = { softmax: bitsPerDim(model, heldOut, (_, ...tensors) => attendToAll(attention, model.config)(...tensors)) };
  for (const name of PLAIN) bits[name] = bitsPerDim(model, heldOut, replacedAttention(model, replaced(() => name)));
  bits.learned = bitsPerDim(model, heldOut, replacedAttention(model, replaced((layer) => byLayer[layer])));

  for (const map of [...byLayer, ...Object.values(plain), before.featureMap, featureMap]) map?.dispose?.();
  model.dispose();
  return { maps, seconds: { painting: painted.seconds, preparing: prepared, learning: learned }, history, errors, bits, chosen };
}
