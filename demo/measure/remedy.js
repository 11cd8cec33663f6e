// The remedy: a feature map learned for one head, judged on held-out inputs beside maps that learn nothing.
import { writeMaps } from '../digits/linearize.js';
import { headInputs } from '../learn/heads.js';
import { combineHeads, measureHead } from './baselines.js';
import { isTrained, trainedDim } from './heads.js';
import { headMaps, learnable, mapOf } from './learned.js';
import { imagesOf } from './lessons.js';
import { featuresOf, isRandom, withMap } from './maps.js';
import { scoresOf } from './pairs.js';
import { sampleInputs } from './random.js';

/** Maps without weights that it should fall below. */
export const levels = ['elu', 'favor', 'taylor'];
export const featureChoices = [16, 32, 64, 128];
/** What learning makes small. */
export const losses = ['outputs', 'weights', 'both'];
export const stepChoices = [50, 100, 200, 400];
/** The tokens of the matrices of weights. */
export const matrixLength = 32;

/** Held-out inputs that judge, and random ones that teach, with their length. */
const JUDGES = 5;
const RANDOM_TEACHERS = 10;
const RANDOM_LENGTH = 256;

const turn = () => new Promise((resolve) => setTimeout(resolve));
const batched = ({ data, shape }) => ({ data, shape: [1, ...shape] });

/** The tokens in the middle, of which weights are shown. */
function middle({ data, shape: [, length, dim] }) {
  const start = ((length - matrixLength) >> 1) * dim;
  return { data: data.slice(start, start + matrixLength * dim), shape: [1, 1, matrixLength, dim] };
}

/** Random inputs of one head, as examples: a seed and a number give the same ones. */
function randomExample(seed, n) {
  const { q, k, v } = sampleInputs({ seed: (seed + 7919 * (n + 1)) >>> 0, heads: 1, length: RANDOM_LENGTH, dim: trainedDim, norm: 1 });
  return Object.fromEntries(Object.entries({ q, k, v }).map(([name, { data, shape: [, ...shape] }]) => [name, { data, shape }]));
}

/**
 * What benches of the remedy share: the inputs of the last head.
 * @param {{ models: object, heldOut: Int32Array[], painted: Int32Array[] }} digits read when inputs are asked for
 * @param {() => Promise<{ distill: Function, learn: object }>} learner
 * @param {(options: { painting, digits }) => Int32Array[] | null} [lessonsOf] the digits that teach
 */
export function createRemedy(digits, learner, lessonsOf = () => digits.painted) {
  let place = '';
  let seen = {};

  /** One example of a head, kept until another head is looked at. */
  const example = ({ source, layer, head, seed, painting, digits: count }, kind, n) => {
    const wanted = [source, layer, head, seed, painting].join();
    if (place !== wanted) [place, seen] = [wanted, {}];
    const make = () => {
      if (!isTrained(source)) return randomExample(seed, kind === 'judge' ? n : JUDGES + n);
      const list = kind === 'judge' ? digits.heldOut : lessonsOf({ painting, digits: count });
      const tokens = list[kind === 'judge' ? Math.floor(((n + 0.5) * list.length) / JUDGES) : n];
      return headInputs(digits.models.softmax, tokens, [{ layer: layer - 1, head: Number(head) - 1 }]);
    };
    return (seen[`${kind} ${n}`] ??= make());
  };

  /**
   * One head and what it learns.
   * @param {object} options source, layer, head, map, features, loss, steps, digits, seed, painting
   */
  return function remedyBench(attention, options) {
    const controller = new AbortController();
    const { signal } = controller;
    const { source, features, seed } = options;
    const judges = () => Array.from({ length: JUDGES }, (_, n) => example(options, 'judge', n));
    const shown = () => {
      const { q, k } = example(options, 'judge', 0);
      return [middle(q), middle(k)];
    };
    const weightsOf = (instance, kind, featureMap) => instance.weights(...shown(), { kind, causal: true, ...(featureMap && { featureMap }) }).data;
    /** The measures of a map, of its name or itself, on what judges. */
    const judgedBy = (featureMap) =>
      combineHeads(
        judges().map((one) => {
          const [q, k, v] = [one.q, one.k, one.v].map(batched);
          const length = q.shape[2];
          return measureHead(attention, { featureMap, features, seed, length, maxLength: length, causal: true, at: 0 }, () => ({ q, k, v }));
        }),
      );
    const teachers = async (onProgress) => {
      const count = isTrained(source) ? options.digits : RANDOM_TEACHERS;
      const taught = [];
      for (let n = 0; n < count; n++) {
        signal.throwIfAborted();
        taught.push(example(options, 'teacher', n));
        onProgress({ looked: n + 1, of: count });
        await turn(); // a cancel comes between two
      }
      return taught;
    };
    const learn = async (onProgress) => {
      const { distill, learn: instance } = await learner();
      const taught = await teachers(onProgress);
      const { map: name, ...made } = learnable[options.map];
      const { featureMap, history } = await distill(instance, taught, {
        ...learnable[options.map],
        features,
        loss: options.loss,
        causal: true,
        seed,
        signal,
        steps: options.steps,
        batch: 4,
        validation: judges(),
        onProgress: ({ step, loss, error, weights }) => onProgress({ step, loss, error: error[0], weights: withMap(mapOf(instance, { name, options: made, weights }), (now) => weightsOf(instance, 'linear', now)) }),
      });
      const error = Math.min(...history.map((one) => one.error[0]));
      return withMap(featureMap, (best) => ({ weights: weightsOf(instance, 'linear', best), error, file: writeMaps(best) }));
    };

    return {
      /** Looks at what judges; returns softmax's weights of some tokens of it, their scores, and the digits that teach. */
      warmUp() {
        judges();
        const lessons = isTrained(source) ? lessonsOf(options) : null;
        return { softmax: weightsOf(attention, 'softmax'), scores: scoresOf(...shown()), lessons: lessons && imagesOf(lessons) };
      },
      /** The error of a map without weights on what judges, and that of the mean of V. */
      measure({ map }) {
        const { relativeError, meanValueError } = judgedBy(map);
        return { map, error: relativeError, meanOfV: meanValueError };
      },
      /** Takes the map of a file: its error on what judges, what it weighs, and the map of this head alone as a file. */
      load({ file }) {
        const maps = headMaps(file, options);
        return withMap(mapOf(attention, maps), (map) => ({ weights: weightsOf(attention, 'linear', map), error: judgedBy(map).relativeError, file: writeMaps(maps) }));
      },
      /**
       * Learns the map; resolves to null where it was cancelled.
       * @param {(seen: { looked, of } | { step, loss, error, weights }) => void} onProgress examples looked at, then every
       *   ten steps the held-out error and the weights that the map gives to the tokens
       */
      async learn(onProgress) {
        try {
          return await learn(onProgress);
        } catch (error) {
          if (signal.aborted) return null;
          throw error;
        }
      },
      cancel: () => controller.abort(),
      dispose: () => controller.abort(),
    };
  };
}

/** Features of each map that is shown. */
const featureTable = ({ map, features }) =>
  Object.fromEntries([...levels, map].map((name) => [name, isRandom(name) || name === map ? features : featuresOf(name, { dim: trainedDim, features })]));

/** The calls of `onProgress` that a function makes, one after another, and at last { result } of it. */
export async function* following(call) {
  const seen = [];
  let wake;
  const tell = (one) => {
    seen.push(one);
    wake?.();
  };
  const settled = call(tell).then((result) => tell({ result }), (error) => tell({ failure: error }));
  for (;;) {
    if (seen.length === 0) await new Promise((resolve) => (wake = resolve));
    const next = seen.shift();
    if (next.failure) throw next.failure;
    yield next;
    if ('result' in next) break;
  }
  await settled;
}

/**
 * The levels, and beside them what was loaded, or where `wanted` the learning.
 * @param bench a remedyBench, or the same methods returning promises
 * @param {{ loaded?: { file: Uint8Array, map: string, features: number } }} options loaded: a file of maps and what it holds
 * @yields {{ rows: object[], scores, softmax, before, learned, file, lessons, said: object, done: number, total: number }} rows { map, step, features, error, loss };
 *   matrices, each null until it is known: scores, and the weights of softmax, of the map where learning begins, and of the
 *   map as it is now; file: the map that was learned or loaded; lessons:
 *   images of the digits that teach, where there are such; said: the last progress
 */
export async function* sweepRemedy(bench, { wanted, loaded, signal, map, steps, ...options }) {
  if (signal?.aborted) return;
  const table = featureTable({ map, ...options });
  const more = wanted ? options.digits + steps : 0;
  const total = levels.length + 1 + (loaded ? 1 : more);
  const report = { rows: [], scores: null, softmax: null, before: null, learned: null, file: null, said: {}, done: 1, total };
  Object.assign(report, await bench.warmUp());
  for (const level of levels) {
    if (signal?.aborted) return;
    const { error, meanOfV } = await bench.measure({ map: level });
    if (level === levels[0]) report.rows.push({ map: 'mean of V', step: '', features: '', error: meanOfV, loss: '' });
    report.rows.push({ map: level, step: '', features: table[level], error, loss: '' });
    report.done++;
    yield { ...report };
  }
  if (loaded && !signal?.aborted) {
    const { weights, error, file } = await bench.load({ file: loaded.file });
    report.rows.push({ map: loaded.map, step: '', features: loaded.features, error, loss: '' });
    yield { ...report, learned: weights, file, done: total };
  }
  if (loaded || !wanted || signal?.aborted) return;
  const before = report.done;
  const cancel = () => bench.cancel();
  signal?.addEventListener('abort', cancel);
  try {
    for await (const seen of following((tell) => bench.learn(tell))) {
      if (seen.result === null) return;
      report.said = seen;
      if (seen.looked) report.done = before + (options.digits * seen.looked) / seen.of;
      if (seen.step !== undefined) {
        report.before ??= seen.weights;
        report.learned = seen.weights;
        report.rows.push({ map, step: seen.step, features: table[map], error: seen.error, loss: seen.loss });
        report.done = before + options.digits + seen.step;
      }
      if (seen.result) [report.learned, report.file] = [seen.result.weights, seen.result.file];
      yield { ...report };
    }
  } finally {
    signal?.removeEventListener('abort', cancel);
  }
}
