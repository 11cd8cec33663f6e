/** The feature map of a case: what the library is given, and the oracle's. */
import * as oracle from '../oracle.js';
import { perHeadRows, rowsOf2d } from '../suites/map_cases.js';
import { gaussian } from '../util.js';
import { headsOf } from './axes.js';

/** Which of a map's `heads` sets of weights a head uses: heads of k are as many, those of the result may be more. */
const weightsOf = (one, heads, { as, head }) => Math.floor((head * heads) / headsOf(one)[as === 'query' ? 'most' : 'k']);

const byName = (name, reference) => () => ({ name, reference: () => reference });

/** A projection given, for every head of the keys its own where `heads` > 1. */
function random(name, settings = {}, extra = {}) {
  return (one, heads) => {
    const { dim, seed } = one;
    const rows = settings.hyperbolic || name === 'rff' ? 5 : 7;
    const projection = gaussian(heads > 1 ? [heads, rows, dim] : [rows, dim], seed + 11);
    const maps = perHeadRows({ ...projection, shape: [rows, dim] }, rows).map((omega) => oracle[name]({ omega, ...settings, ...extra }));
    return { name, options: { dim, projection, ...settings }, reference: () => (x, where) => maps[weightsOf(one, heads, where)](x, where) };
  };
}

/** Weights and biases of queries and keys, for every head of the keys its own where `heads` > 1. */
function affine(name, columnsOf, settings = {}) {
  return (one, heads) => {
    const { dim, seed } = one;
    // Where exponents are to leave the ordinary range, biases take them there: not so far apart that all weights underflow.
    const most = one.size === 'large' ? 60 : 0;
    const columns = columnsOf(dim);
    const of = (...shape) => (heads > 1 ? [heads, ...shape] : shape);
    const [weights, keyWeights] = [1, 2].map((n) => gaussian(of(dim, columns), seed + n, dim ** -0.5));
    const [bias, keyBias] = [3, 4].map((n) => gaussian(of(columns), seed + n)).map((b) => ({ ...b, data: b.data.map((x) => x + most) }));
    const map = (w, b) => oracle[name]({ weights: perHeadRows({ ...w, shape: [dim, columns] }, dim), bias: rowsOf2d({ ...b, shape: [heads, columns] }), ...settings });
    const roles = { query: map(weights, bias), key: map(keyWeights, keyBias) };
    return { name, options: { dim, weights, bias, keyWeights, keyBias, ...settings }, reference: () => (x, where) => roles[where.as](x, { ...where, head: weightsOf(one, heads, where) }) };
  };
}

const shared = (build) => (one) => build(one, 1);
const aHead = (build) => (one) => build(one, headsOf(one).k);

const MAPS = {
  elu: byName('elu', oracle.elu),
  relu: byName('relu', oracle.relu),
  identity: byName('identity', oracle.identity),
  taylor: byName('taylor', oracle.taylor),
  dpfp: byName('dpfp', oracle.dpfp(1)),
  'dpfp nu 3': ({ dim }) => ({ name: 'dpfp', options: { dim, nu: 3 }, reference: () => oracle.dpfp(3) }),
  hedgehog: byName('hedgehog', oracle.hedgehog()),
  'hedgehog joint': shared(affine('hedgehog', (dim) => dim, { dialect: 'joint' })),
  'hedgehog a head': aHead(affine('hedgehog', (dim) => dim)),
  'hedgehog 6 features': shared(affine('hedgehog', () => 3, { features: 6, dialect: 'joint' })),
  'hedgehog 10 features a head': aHead(affine('hedgehog', () => 5)),
  learned: shared(affine('learned', () => 9)),
  'learned a head': aHead(affine('learned', () => 9)),
  'learned exp': shared(affine('learned', () => 9, { activation: 'exp' })),
  'learned exp a head': aHead(affine('learned', () => 9, { activation: 'exp' })),
  cosformer({ dim, length }) {
    const maxLength = 4 * length + 20;
    return { name: 'cosformer', options: { dim, maxLength }, reference: (starts) => oracle.cosformer({ maxLength, starts }) };
  },
  favor: shared(random('favor')),
  'favor hyperbolic': shared(random('favor', { hyperbolic: true })),
  'favor no norm': shared(random('favor', { normTerm: false })),
  'favor epsilon': shared(random('favor', { epsilon: 1e-3 }, { offset: 'max' })),
  'favor a head': aHead(random('favor')),
  'favor drawn': ({ dim }) => ({ name: 'favor', reference: () => oracle.favor({ omega: oracle.randomRows({ seed: 0, rows: 4 * dim, dim })[0] }) }),
  rff: shared(random('rff')),
  'rff gaussian': shared(random('rff', { gaussian: true })),
};

/**
 * { name, options, reference(starts) }: the name alone where options are left out; `starts` are the tokens that each batch
 * row has seen. Softmax attention has no map.
 */
export const mapOf = (one) => MAPS[one.map]?.(one) ?? null;

const ELEMENTWISE = ['elu', 'relu', 'identity'];
const hasProjection = (map) => /^(favor|rff|hedgehog|learned)/.test(map);

/** The rule of tolerance.js for a case. */
export function toleranceOf({ map, rule, decay, size, dim }) {
  if (size === 'large') return 'exponents';
  if (dim > 256 && hasProjection(map)) return 'wide map linear';
  if (map === 'softmax') return 'softmax';
  if (rule !== 'linear') return 'delta';
  if (decay !== 'none') return 'gated';
  return ELEMENTWISE.includes(map) ? 'linear' : 'map linear';
}
