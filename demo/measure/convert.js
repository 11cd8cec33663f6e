// The whole softmax model made linear: a map is learned for every head, a layer at a time, and the model judged and set to paint.
import { attendToAll } from '../digits/model.js';
import { createPainter } from '../digits/painter.js';
import { bitsPerDim, replacedAttention } from '../learn/bits.js';
import { headInputs, headsOf } from '../learn/heads.js';
import { following, learnable } from './remedy.js';
import { mean } from './statistics.js';

/** The models that are judged, the last one when it is learned. */
const judged = ['softmax', 'elu', 'learned'];
/** Held-out digits that give the bits, and those among them that judge maps. */
const BITS_DIGITS = 10;
const JUDGES = 3;
const MOST_STEPS = 100;
const PIXELS = 28;

/** Every layer learns by its outputs, in so many steps: all heads of the page should take less than a minute. */
export const stepsOf = ({ steps }) => Math.min(steps, MOST_STEPS);

const spread = (list, count) => Array.from({ length: count }, (_, n) => list[Math.floor(((n + 0.5) * list.length) / count)]);
const turn = () => new Promise((resolve) => setTimeout(resolve));

/**
 * @param {{ models: object, heldOut: Int32Array[], painted: Int32Array[] }} digits
 * @param {() => Promise<{ distill: Function, learn: object }>} learner
 */
export function createConvert(digits, learner) {
  /** @param {object} options map, features, steps, digits, seed */
  return function convertBench(_, options) {
    const model = digits.models.softmax;
    const { layers, heads, length } = model.sizes;
    const controller = new AbortController();
    const { signal } = controller;
    const maps = [];
    let painter;
    const every = Array.from({ length: heads }, (_, head) => head);
    const replaced = (mapOf) => replacedAttention(model, Array.from({ length: layers }, (_, layer) => ({ map: mapOf(layer), heads: every })));
    const attentionOf = {
      softmax: () => (_, ...tensors) => attendToAll(model.attention, model.config)(...tensors),
      elu: () => replaced(() => 'elu'),
      learned: () => replaced((layer) => maps[layer]),
    };

    const learnLayer = async (onProgress) => {
      const { distill, learn } = await learner();
      const chosen = headsOf({ layers: [maps.length], heads: every });
      const lists = { teachers: digits.painted.slice(0, options.digits), judges: spread(digits.heldOut, JUDGES) };
      const seen = { teachers: [], judges: [] };
      for (const [kind, list] of Object.entries(lists)) {
        for (const tokens of list) {
          signal.throwIfAborted();
          seen[kind].push(headInputs(model, tokens, chosen));
          await turn(); // a cancel comes between two
        }
      }
      const { featureMap, history } = await distill(learn, seen.teachers, {
        ...learnable[options.map],
        features: options.features,
        seed: options.seed,
        steps: stepsOf(options),
        validation: seen.judges,
        signal,
        onProgress: ({ step }) => onProgress({ step }),
      });
      try {
        const { name, options: made, weights } = featureMap;
        maps.push(model.attention.featureMap(name, { dim: model.sizes.dim, ...made, ...weights }));
      } finally {
        featureMap.dispose();
      }
      const best = every.map((head) => Math.min(...history.map(({ error }) => error[head])));
      return { layer: maps.length, before: mean(history[0].error), error: mean(best) };
    };

    return {
      warmUp: () => ({ layers, length }),
      /** Learns the maps of the next layer; resolves to null where it was cancelled. */
      async learn(onProgress) {
        try {
          return await learnLayer(onProgress);
        } catch (error) {
          if (signal.aborted) return null;
          throw error;
        }
      },
      /** Bits a pixel of the model on held-out digits. */
      measure: ({ map }) => ({ map, bits: bitsPerDim(model, spread(digits.heldOut, BITS_DIGITS), attentionOf[map]()) }),
      /** Paints more pixels of ten digits, with the learned maps and a state; returns all images so far. */
      paint() {
        painter ??= createPainter({ ...model, kind: 'linear', featureMaps: maps }, { memory: 'state', classes: Array.from({ length: 10 }, (_, i) => i), seed: options.seed });
        painter.paint(PIXELS);
        return { images: painter.images.map((image) => image.slice()), position: painter.position };
      },
      cancel: () => controller.abort(),
      dispose() {
        controller.abort();
        painter?.dispose();
        for (const map of maps) map.dispose();
      },
    };
  };
}

/**
 * Learns layer after layer, then judges and paints.
 * @param bench a convertBench, or the same methods returning promises
 * @yields {{ rows: object[], images: Uint8Array[], position: number, layer: number, done: number, total: number }} rows are
 *   { layer, before, error } of a layer, and { map, bits } of a model
 */
export async function* sweepConvert(bench, { signal, ...options }) {
  if (signal?.aborted) return;
  const { layers, length } = await bench.warmUp();
  const steps = stepsOf(options);
  const report = { rows: [], images: null, position: 0, layer: 0, done: 0, total: layers + judged.length + 1 };
  const judge = async (map) => {
    report.rows.push({ layer: '', before: '', error: '', ...(await bench.measure({ map })) });
    report.done++;
  };
  const cancel = () => bench.cancel();
  signal?.addEventListener('abort', cancel);
  try {
    for (const map of judged.slice(0, -1)) {
      await judge(map);
      yield { ...report };
      if (signal?.aborted) return;
    }
    for (let layer = 1; layer <= layers; layer++) {
      const before = report.done;
      report.layer = layer;
      for await (const seen of following((tell) => bench.learn(tell))) {
        if (seen.result === null) return;
        if (seen.result) report.rows.push({ map: options.map, bits: '', ...seen.result });
        report.done = before + (seen.result ? 1 : seen.step / steps);
        yield { ...report };
      }
      if (signal?.aborted) return;
    }
    report.layer = 0;
    await judge(judged.at(-1));
    yield { ...report };
    const before = report.done;
    while (report.position < length) {
      if (signal?.aborted) return;
      Object.assign(report, await bench.paint());
      report.done = before + report.position / length;
      yield { ...report };
    }
  } finally {
    signal?.removeEventListener('abort', cancel);
  }
}
