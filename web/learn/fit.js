/** The steps of distill, on examples that were taken. */
import { AttentionError } from '../core/errors.js';
import { integersFrom } from './draws.js';
import { Best, Learner } from './learner.js';
import { errorsOf, lossOf } from './losses.js';

/** Steps from one measurement to the next. */
const MEASURE_EVERY = 10;

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** A loss that is no number ends everything: no later step can mend the weights behind it. */
function requireNumbers(losses, step, { learningRate, loss, map, activation }) {
  const head = losses.findIndex((one) => !Number.isFinite(one));
  if (head < 0) return;
  const atStart = `the examples are likely too large for '${activation ?? map}' to begin with: scale q and k down`;
  const later = `the learningRate of ${learningRate} is likely too large`;
  const unseen = loss === 'outputs' ? '' : ", or the map gives no weight at all where softmax gives some, as relu can: loss 'outputs' bears that";
  throw new AttentionError('diverged', `distill: the loss of head ${head} is ${losses[head]} at step ${step}; ${step === 0 ? atStart : later}${unseen}`);
}

/** The examples of each step: all where a batch takes them all, else the next of a shuffled pass through them. */
function drawer(examples, { batch, seed }) {
  if (examples.length <= batch) return () => examples;
  const below = integersFrom(seed);
  const order = [...examples];
  let at = order.length;
  const next = () => {
    if (at === order.length) at = 0;
    const other = at + below(order.length - at);
    [order[at], order[other]] = [order[other], order[at]];
    return order[at++];
  };
  return () => Array.from({ length: batch }, next);
}

/**
 * Learns a map of the examples. What was measured at every tenth step, and at the last, is told and kept: all of it of the
 * map after so many steps. What was best by validation is kept a head.
 * @param {{ examples: object[], validation?: object[], sizes: object, settings: object, pause: () => Promise<void> }} given
 * @returns {Promise<{ featureMap: object, history: object[] }>}
 */
export async function fit(core, { examples, validation, sizes, settings, pause }) {
  const { steps, onProgress } = settings;
  const learner = new Learner(core, settings, sizes.k.heads, sizes.q.width);
  try {
    const draw = drawer(examples, settings);
    const best = new Best();
    const history = [];
    for (let step = 0; step <= steps; step++) {
      const batch = draw();
      const map = learner.mapOf();
      try {
        const { losses, errors, gradients } = await lossOf(core, batch, map, settings, pause);
        requireNumbers(losses, step, settings);
        if (step % MEASURE_EVERY === 0 || step === steps) {
          const error = validation || !errors ? await errorsOf(core, validation ?? batch, map, settings, pause) : errors;
          if (validation) best.consider(error, learner);
          const entry = { step, loss: mean(losses), error };
          history.push(entry);
          onProgress?.({ ...entry, error: [...error], steps, weights: map.weights });
          await pause();
        }
        if (step < steps) learner.step(gradients, step);
      } finally {
        map.dispose();
      }
    }
    return { featureMap: learner.mapOf(best.parameters), history };
  } finally {
    learner.dispose();
  }
}
