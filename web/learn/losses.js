/** What distill makes small: how far a map's answers, or its weights, are from softmax attention's, a head each. */
import { newFloats } from '../core/arrays.js';
import { PARAMETERS } from './learner.js';
import { outputsLoss } from './outputs_loss.js';
import { weightsLoss } from './weights_loss.js';

/** By loss, how much outputs and weights count in it. */
const PARTS = { outputs: { outputs: 1, weights: 0 }, weights: { outputs: 0, weights: 1 }, both: { outputs: 4, weights: 1 } };

/** What la_map_gradient calls the gradients, in the order of PARAMETERS. */
const FIELDS = ['query_weights', 'query_bias', 'key_weights', 'key_bias'];

/** Sums of the gradients of examples, in the order of PARAMETERS. */
export class Gradients {
  /** `parameters`: those of a map, [heads, …] each. */
  constructor(parameters) {
    this.sums = PARAMETERS.map((name) => ({ data: newFloats(parameters[name].data.length), shape: parameters[name].shape }));
  }

  /** An la_map_gradient with room for an example's. */
  place(frame) {
    return Object.fromEntries(FIELDS.map((field, p) => [field, frame.alloc(this.sums[p].data.length * 4)]));
  }

  /** Adds what was written there, times a factor. */
  add(core, fields, factor) {
    this.sums.forEach(({ data }, p) => {
      const found = core.floatsAt(fields[FIELDS[p]], data.length);
      for (let i = 0; i < data.length; i++) data[i] += factor * found[i];
    });
  }
}

/** Adds a list to another, element by element. */
const addTo = (sums, values) => values.forEach((value, h) => (sums[h] += value));

/** ‖S‖² a head over examples. */
const totalSquares = (examples) => examples[0].squares.map((_, h) => examples.reduce((sum, { squares }) => sum + squares[h], 0));

/** Nothing of nothing is none. */
const share = (part, whole) => (part === 0 ? 0 : part / whole);

/** ‖L − S‖/‖S‖ a head over examples. */
export async function errorsOf(core, examples, map, settings, pause) {
  const total = totalSquares(examples);
  const squares = total.map(() => 0);
  for (const example of examples) {
    addTo(squares, outputsLoss(core, example, map, settings));
    await pause();
  }
  return squares.map((square, h) => Math.sqrt(share(square, total[h])));
}

/**
 * A head's loss over a batch and its gradients: outputs Σ‖L − S‖²/Σ‖S‖², weights the mean over queries of the cross-entropy
 * of softmax's weights with the map's, or 4·outputs + weights.
 * @returns {Promise<{ losses: number[], errors?: number[], gradients: object[] }>} errors as errorsOf gives them, where the
 *   loss has outputs
 */
export async function lossOf(core, batch, map, settings, pause) {
  const parts = PARTS[settings.loss];
  const total = totalSquares(batch);
  const squares = total.map(() => 0);
  const crossEntropy = total.map(() => 0);
  const gradients = new Gradients(map.weights);
  // A head without any output has nothing to learn.
  const factors = total.map((all) => (all > 0 ? parts.outputs / all : 0));
  for (const example of batch) {
    if (parts.outputs > 0) addTo(squares, outputsLoss(core, example, map, settings, factors, gradients));
    if (parts.weights > 0) {
      const found = weightsLoss(core, example, map, settings, parts.weights / batch.length, gradients);
      addTo(crossEntropy, found.map((one) => one / batch.length));
    }
    await pause();
  }
  const outputs = squares.map((square, h) => share(square, total[h]));
  return {
    losses: outputs.map((one, h) => parts.outputs * one + parts.weights * crossEntropy[h]),
    errors: parts.outputs > 0 ? outputs.map(Math.sqrt) : undefined,
    gradients: gradients.sums,
  };
}
