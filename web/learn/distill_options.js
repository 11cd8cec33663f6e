/** The options of distill: read once, and checked before anything else happens. */
import { wrongKind, wrongValue } from '../core/errors.js';
import { asTheyAre, optionTakers, takeOptions } from '../core/given.js';
import { isSignal } from '../core/kinds.js';
import { checkBoolean, checkInteger, checkNumber, checkOneOf, MAX_SIZE } from '../core/validate.js';
import { MAX_FEATURES } from '../maps/map_kinds.js';

const OPTIONS = optionTakers(asTheyAre('map', 'features', 'activation', 'loss', 'causal', 'steps', 'batch', 'learningRate', 'seed', 'validation', 'onProgress', 'signal'));

function checkPositive(name, value, fallback) {
  const number = checkNumber(name, value, fallback);
  if (!(number > 0)) throw wrongValue(name, 'above 0', value);
  return number;
}

/** { map, activation, features, … }, defaults filled in; features stays undefined where it was not given. */
export function takeDistillOptions(options) {
  const o = takeOptions('distill', options, OPTIONS);
  const map = checkOneOf('map', o.map, ['hedgehog', 'learned'], 'hedgehog');
  if (map === 'hedgehog' && o.activation !== undefined) throw new TypeError("activation must not be given with map 'hedgehog': it belongs to 'learned'");
  const features = o.features === undefined ? undefined : checkInteger('features', o.features, 1, MAX_FEATURES);
  if (map === 'hedgehog' && features % 2 === 1) throw wrongValue('features', 'even: half of them belong to each sign', features);
  if (o.onProgress !== undefined && typeof o.onProgress !== 'function') throw wrongKind('onProgress', 'a function', o.onProgress);
  if (o.signal !== undefined && !isSignal(o.signal)) throw wrongKind('signal', 'an AbortSignal', o.signal);
  return {
    map,
    features,
    activation: map === 'learned' ? checkOneOf('activation', o.activation, ['relu', 'exp'], 'relu') : undefined,
    loss: checkOneOf('loss', o.loss, ['outputs', 'weights', 'both'], 'outputs'),
    causal: checkBoolean('causal', o.causal, true),
    steps: checkInteger('steps', o.steps, 0, MAX_SIZE, 400),
    batch: checkInteger('batch', o.batch, 1, MAX_SIZE, 4),
    learningRate: checkPositive('learningRate', o.learningRate, 1e-2),
    seed: checkInteger('seed', o.seed, 0, Number.MAX_SAFE_INTEGER, 0),
    validation: o.validation,
    onProgress: o.onProgress,
    signal: o.signal,
  };
}
