/** The kinds of feature map: one row each, from the options of a call to the fields of la_feature_map. */
import { wrongValue } from '../core/errors.js';
import { checkBoolean, checkInteger, checkNonNegative, checkOneOf, MAX_SIZE } from '../core/validate.js';

/** LA_MAX_FEATURES. */
export const MAX_FEATURES = 65536;
/** la_map_options. */
const [HYPERBOLIC, NO_NORM_TERM, GAUSSIAN, JOINT, EXP] = [1, 2, 4, 8, 16];

const onOff = (name, fallback) => (value) => checkBoolean(name, value, fallback);
const even = (name, value) => {
  if (value % 2 !== 0) throw wrongValue(name, 'even: half of them belong to each sign or to each of cos and sin', value);
  return value;
};
const features = (value, dim) => checkInteger('features', value, 1, MAX_FEATURES, 4 * dim);
const seed = (value) => checkInteger('seed', value, 0, Number.MAX_SAFE_INTEGER, 0);

function nu(value, dim) {
  return checkInteger('nu', value, 1, Math.min(2 * dim - 1, Math.floor(MAX_FEATURES / (2 * dim))), 1);
}

const affine = { weights: ['dim', 'columns'], bias: ['columns'], keyWeights: ['dim', 'columns'], keyBias: ['columns'] };

/**
 * kind: la_map_kind. settings: each option's check, (value, dim) → value. fields: size, options and epsilon of
 * la_feature_map (default 0) out of the settings; size may be the columns of the arrays. arrays: options that are
 * tensors, with their axes, before which heads may stand. columns: of W, for as many features as the option of that name
 * says; W has dim of them where nothing says how many, and may then be left out. needs: the option without which there is
 * no map.
 * scaled: whether, with such settings, φ may overflow, so that a state holds an exponent a head. since: settings that files
 * of earlier versions leave out, as they were then. random: rows ω of the projection are drawn unless given; `rows` of them
 * make `features`.
 */
export const MAP_KINDS = {
  elu: { kind: 0 },
  relu: { kind: 1 },
  identity: { kind: 2 },
  favor: {
    kind: 3,
    scaled: () => true,
    settings: {
      features,
      seed,
      orthogonal: onOff('orthogonal', true),
      hyperbolic: onOff('hyperbolic', false),
      normTerm: onOff('normTerm', true),
      epsilon: (value) => checkNonNegative('epsilon', value, 0),
    },
    arrays: { projection: ['rows', 'dim'] },
    random: { perRow: ({ hyperbolic }) => (hyperbolic ? 2 : 1) },
    fields: (s) => ({
      size: s.hyperbolic ? even('features', s.features) : s.features,
      options: (s.hyperbolic ? HYPERBOLIC : 0) + (s.normTerm ? 0 : NO_NORM_TERM),
      epsilon: s.epsilon,
    }),
  },
  rff: {
    kind: 4,
    scaled: () => true,
    settings: { features, seed, orthogonal: onOff('orthogonal', true), gaussian: onOff('gaussian', false) },
    arrays: { projection: ['rows', 'dim'] },
    random: { perRow: () => 2 },
    fields: (s) => ({ size: even('features', s.features), options: s.gaussian ? GAUSSIAN : 0 }),
  },
  dpfp: { kind: 5, settings: { nu }, fields: (s) => ({ size: s.nu }) },
  taylor: { kind: 6 },
  hedgehog: {
    kind: 7,
    settings: { dialect: (value) => checkOneOf('dialect', value, ['separate', 'joint'], 'separate') },
    arrays: affine,
    columns: (features) => even('features', checkInteger('features', features, 2, MAX_FEATURES)) / 2,
    fields: (s, columns) => ({ size: columns, options: s.dialect === 'joint' ? JOINT : 0 }),
  },
  learned: {
    kind: 8,
    scaled: ({ activation }) => activation === 'exp',
    settings: { activation: (value) => checkOneOf('activation', value, ['relu', 'exp'], 'relu') },
    since: { activation: 'relu' },
    arrays: affine,
    needs: 'weights',
    fields: (s, columns) => ({ size: columns, options: s.activation === 'exp' ? EXP : 0 }),
  },
  cosformer: {
    kind: 9,
    settings: { maxLength: (value) => checkInteger('maxLength', value, 1, MAX_SIZE) },
    needs: 'maxLength',
    positional: true,
    fields: (s) => ({ size: s.maxLength }),
  },
};

export const MAP_NAMES = Object.keys(MAP_KINDS);

/** Whether φ of a map of this row, with these settings, comes with exponents. */
export const isScaledKind = ({ scaled }, settings) => scaled !== undefined && scaled(settings);
