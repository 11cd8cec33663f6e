// The whole softmax model made linear: a map is learned for every head, a layer at a time, and the model judged and set to paint.
import { allHeads, joinHeads, layerMaps, readMaps, writeMaps } from '../digits/linearize.js';
import { attendToAll } from '../digits/model.js';
import { createPainter } from '../digits/painter.js';
import { bitsPerDim, replacedAttention } from '../learn/bits.js';
import { measureErrors } from '../learn/errors.js';
import { headInputs, headsOf } from '../learn/heads.js';
import { learnable, mapOf } from './learned.js';
import { following } from './remedy.js';
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
 * @param {(options: { painting, digits }) => Int32Array[] | null} [lessonsOf] the digits that teach
 */
export function createConvert(digits, learner, lessonsOf = () => digits.painted) {
  /** @param {object} options map, features, steps, digits, seed, painting */
  return function convertBench(_, options) {
    const model = digits.models.softmax;
    const { layers, heads, length } = model.sizes;
    const controller = new AbortController();
    const { signal } = controller;
    const maps = [];
    const learned = [];
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
      const lists = { teachers: lessonsOf(options).slice(0, options.digits), judges: spread(digits.heldOut, JUDGES) };
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
        learned.push({ name: featureMap.name, options: featureMap.options, weights: featureMap.weights });
        maps.push(mapOf(model.attention, learned.at(-1)));
      } finally {
        featureMap.dispose();
      }
      const best = every.map((head) => Math.min(...history.map(({ error }) => error[head])));
      return { layer: maps.length, before: mean(history[0].error), error: mean(best), file: maps.length === layers ? writeMaps(joinHeads(learned)) : null };
    };

    return {
      warmUp: () => ({ layers, length }),
      /** Takes the maps of a file, of all heads, in place of learning. */
      load({ file }) {
        maps.push(...layerMaps(model, readMaps(file), allHeads(model.sizes)));
      },
      /** Learns the maps of the next layer, after the last one with a file of them all; resolves to null where it was cancelled. */
      async learn(onProgress) {
        try {
          return await learnLayer(onProgress);
        } catch (error) {
          if (signal.aborted) return null;
          throw error;
        }
      },
      /** Bits a pixel of the model on held-out digits; of a loaded layer's maps, counted from 1, their mean error. */
      measure({ map, layer }) {
        if (layer === undefined) return { map, bits: bitsPerDim(model, spread(digits.heldOut, BITS_DIGITS), attentionOf[map]()) };
        const { loaded } = measureErrors(model, spread(digits.heldOut, JUDGES), headsOf({ layers: [layer - 1], heads: every }), { loaded: maps[layer - 1] });
        return { layer, before: '', error: mean(loaded.error) };
      },
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
 * Learns layer after layer, or takes what was loaded, then judges and paints.
 * @param bench a convertBench, or the same methods returning promises
 * @param {{ loaded?: { file: Uint8Array, map: string } }} options loaded: a file of maps and what it holds
 * @yields {{ rows: object[], file: Uint8Array, images: Uint8Array[], position: number, layer: number, done: number, total: number }}
 *   rows are { layer, before, error } of a layer, and { map, bits } of a model; file: the maps of all heads, once they are there
 */
export async function* sweepConvert(bench, { signal, loaded, ...options }) {
  if (signal?.aborted) return;
  const { layers, length } = await bench.warmUp();
  const steps = stepsOf(options);
  const report = { rows: [], file: null, images: null, position: 0, layer: 0, done: 0, total: layers + judged.length + 1 };
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
    if (loaded) {
      await bench.load({ file: loaded.file });
      report.file = loaded.file;
    }
    for (let layer = 1; layer <= layers; layer++) {
      const before = report.done;
      report.layer = layer;
      for await (const seen of following(async (tell) => (loaded ? bench.measure({ layer }) : bench.learn(tell)))) {
        if (seen.result === null) return;
        if (seen.result) {
          const { file, ...row } = seen.result;
          report.file = file ?? report.file;
          report.rows.push({ map: (loaded ?? options).map, bits: '', ...row });
        }
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
