/** The axes along which calls of attention differ, which of their values go together, and what a case costs. */

/** Values of each axis, the simplest first: failing cases shrink towards it. 'softmax' stands for softmax attention in place of linear. */
export const AXES = {
  map: [
    'identity', 'softmax', 'elu', 'relu', 'taylor', 'dpfp', 'dpfp nu 3', 'hedgehog', 'hedgehog joint', 'hedgehog a head', 'hedgehog 6 features',
    'hedgehog 10 features a head', 'learned', 'learned a head', 'learned exp', 'learned exp a head', 'cosformer', 'favor', 'favor hyperbolic',
    'favor no norm', 'favor epsilon', 'favor a head', 'favor drawn', 'rff', 'rff gaussian',
  ],
  rule: ['linear', 'delta token', 'delta number', 'delta shared'],
  decay: ['none', 'number', 'head', 'token', 'channel'],
  normalize: ['default', 'yes', 'no'],
  causal: ['causal', 'full'],
  split: ['whole', 'pieces', 'steps', 'prompt'],
  // Whether each call's tokens are absorbed by a copy of the state as well.
  beside: ['nothing', 'absorbed'],
  carry: ['kept', 'clone', 'restored', 'copied', 'selected', 'rewound', 'merged'],
  // Or the options lengths ('ragged'), and starts beside them ('padded'), or sequences ('packed').
  keyLengths: ['none', 'full', 'partial', 'zero', 'ragged', 'padded', 'packed'],
  queries: ['same', 'other'],
  // Of q, k and v.
  heads: ['1 1 1', '2 2 2', '3 3 3', '4 4 4', '3 1 1', '8 2 2', '2 2 4', '2 4 4', '4 1 2', '4 2 1', '1 1 3', '1 3 1', '6 3 1'],
  // Gates may have one for every state, one for every head of k, or one for all.
  gateHeads: ['states', 'keys', 'one'],
  batch: [1, 2, 3],
  dim: [1, 3, 4, 7, 8, 16, 40, 300, 1024],
  valueDim: [1, 3, 4, 7, 8, 16, 40, 41, 64, 67, 512, 1030],
  // Of softmax alone.
  mask: ['none', 'offset', 'offset back', 'window', 'window and sinks', 'windowed cache'],
  bias: ['none', 'slopes', 'a head', 'shared', 'hiding'],
  softcap: ['none', 3],
  ragged: ['none', 'lengths', 'starts', 'both', 'sequences'],
  part: ['no', 'yes', 'merged'],
  size: ['ordinary', 'large'],
  tokens: ['random', 'constant', 'cycle of 7'],
  strength: ['mild', 'strong', 'mixed'],
  length: [1, 2, 5, 31, 32, 33, 63, 64, 65, 130, 0],
  rank: [4, 3, 2],
  layout: ['bhtd', 'bthd'],
  input: ['arrays', 'views', 'resident', 'live', 'transferred'],
  out: ['none', 'array', 'view', 'resident', 'live'],
  scale: ['default', 0.5, 2],
  eps: ['default', 0, 1e-3],
  threads: [1, 2, 3, 5],
  entry: ['main', 'worker'],
  sliced: ['no', 'yes'],
};

/** { q, k, v, most, states }: how many heads; `most` are those of the result, `states` the more of k's and v's. */
export function headsOf({ heads }) {
  const [q, k, v] = heads.split(' ').map(Number);
  return { q, k, v, most: Math.max(q, k, v), states: Math.max(k, v) };
}

const but = (axis, ...values) => AXES[axis].filter((value) => !values.includes(value));

const SOFTMAX_HEADS = AXES.heads.filter((heads) => headsOf({ heads }).k === headsOf({ heads }).v && headsOf({ heads }).q >= headsOf({ heads }).k);
const SOFTMAX_CARRIES = ['kept', 'clone', 'restored', 'copied'];

/** Where all of the left holds, the right must hold: the one table of what is legal. */
const RULES = [
  // Delta rule and decay are recurrences, and a step is one token of a recurrence.
  [{ rule: but('rule', 'linear') }, { causal: ['causal'] }],
  [{ decay: but('decay', 'none') }, { causal: ['causal'] }],
  [{ split: ['steps', 'prompt'] }, { causal: ['causal'] }],
  // Scores of a hundred are float32 numbers off by 1e-5, which exp turns into a relative error.
  [{ map: ['softmax'], scale: [2] }, { dim: but('dim', 300, 1024) }],
  // Softmax attention has none of the options of linear attention.
  [{ map: ['softmax'] }, { rule: ['linear'] }],
  [{ map: ['softmax'] }, { decay: ['none'] }],
  [{ map: ['softmax'] }, { normalize: ['default'] }],
  [{ map: ['softmax'] }, { eps: ['default'] }],
  [{ map: ['softmax'] }, { heads: SOFTMAX_HEADS }],
  ...['mask', 'bias', 'softcap', 'ragged', 'part'].flatMap((axis) =>
    [
      { map: ['softmax'] }, { rule: ['linear'] }, { decay: ['none'] }, { normalize: ['default'] }, { eps: ['default'] }, { size: ['ordinary'] }, { gateHeads: ['states'] }, { strength: ['mild'] },
      { heads: SOFTMAX_HEADS }, { beside: ['nothing'] }, { carry: SOFTMAX_CARRIES }, { keyLengths: but('keyLengths', 'ragged', 'padded', 'packed') },
    ].map((right) => [{ [axis]: AXES[axis].slice(1) }, right]),
  ),
  [{ mask: but('mask', 'none') }, { causal: ['causal'] }],
  [{ mask: ['windowed cache'] }, { split: but('split', 'whole') }],
  [{ mask: ['windowed cache'] }, { keyLengths: ['none'] }],
  [{ mask: ['windowed cache'] }, { bias: ['none', 'slopes'] }],
  [{ ragged: but('ragged', 'none') }, { queries: ['same'] }],
  [{ ragged: ['sequences'] }, { split: ['whole'] }],
  [{ ragged: ['sequences'] }, { keyLengths: ['none'] }],
  [{ ragged: ['sequences'] }, { carry: ['kept'] }],
  [{ ragged: ['sequences'] }, { mask: but('mask', 'windowed cache') }],
  // Parts have no out; those that are merged are cut from the keys of one call.
  [{ part: but('part', 'no') }, { out: ['none'] }],
  [{ part: ['merged'] }, { split: ['whole'] }],
  [{ part: ['merged'] }, { carry: ['kept'] }],
  [{ part: ['merged'] }, { ragged: ['none'] }],
  [{ part: ['merged'] }, { keyLengths: ['none'] }],
  [{ part: ['merged'] }, { mask: ['none', 'offset', 'offset back', 'window'] }],
  [{ part: ['merged'] }, { input: but('input', 'transferred') }],
  // How gates vary, where there are any.
  [{ rule: ['linear'], decay: ['none'] }, { gateHeads: ['states'] }],
  [{ decay: ['none'] }, { strength: ['mild'] }],
  ...['gateHeads', 'strength'].flatMap((axis) =>
    [{ map: but('map', 'softmax') }, { causal: ['causal'] }, { size: ['ordinary'] }, { queries: ['same'] }].map((right) => [{ [axis]: AXES[axis].slice(1) }, right]),
  ),
  // Of features that are 0 for many tokens the oracle's own sums decay to nothing, whose ratios the library still knows.
  [{ strength: ['strong', 'mixed'], eps: [0] }, { map: ['identity', 'elu', 'taylor', 'hedgehog', 'hedgehog joint', 'hedgehog a head', 'hedgehog 6 features', 'hedgehog 10 features a head', 'learned exp', 'learned exp a head', 'favor', 'favor hyperbolic', 'favor no norm', 'favor a head', 'favor drawn', 'rff', 'rff gaussian'] }],
  // 1 + s + s²/2 is positive, but not with a decay of its own for every feature.
  [{ map: ['taylor'], decay: ['channel'] }, { normalize: but('normalize', 'yes') }],
  // Maps whose features or weights would be too many for a test.
  [{ dim: [300, 1024] }, { map: but('map', 'taylor', 'hedgehog joint', 'hedgehog a head', 'favor drawn') }],
  // Exponents of large vectors are sums of as many products as there are dims.
  [{ size: ['large'] }, { dim: but('dim', 300, 1024) }],
  [{ eps: but('eps', 'default') }, { normalize: ['yes'] }],
  // Between two calls the state or cache may be replaced by its copy.
  [{ carry: but('carry', 'kept') }, { split: but('split', 'whole') }],
  [{ carry: but('carry', ...SOFTMAX_CARRIES) }, { map: but('map', 'softmax') }],
  [{ carry: but('carry', 'kept') }, { map: but('map', 'favor epsilon') }],
  [{ beside: ['absorbed'] }, { map: but('map', 'softmax') }],
  [{ beside: ['absorbed'] }, { split: but('split', 'whole') }],
  // Parts follow one another in every row. A merge reads sums, which may have decayed below float32's range.
  [{ carry: ['merged'] }, { keyLengths: ['none', 'full'] }],
  [{ carry: ['merged'], eps: [0] }, { decay: ['none'] }],
  [{ carry: ['merged'] }, { dim: but('dim', 300, 1024) }],
  // A call with other queries than keys begins a history anew.
  [{ carry: ['rewound'] }, { queries: ['same'] }],
  // Exponents that leave the ordinary range are favor's and exp's. Beside an eps results would underflow; so may what decays.
  [{ size: ['large'] }, { map: ['favor', 'favor hyperbolic', 'favor no norm', 'favor a head', 'favor drawn', 'learned exp', 'learned exp a head'] }],
  [{ size: ['large'] }, { rule: ['linear'] }],
  [{ size: ['large'] }, { decay: ['none'] }],
  [{ size: ['large'] }, { eps: [0] }],
  [{ size: ['large'] }, { normalize: ['yes'] }],
  // In one dimension opposite vectors have no weight that float32 could hold.
  [{ size: ['large'] }, { dim: but('dim', 1) }],
  // A step has no key lengths, and no starts.
  [{ split: ['steps'] }, { keyLengths: ['none', 'ragged'] }],
  [{ keyLengths: ['ragged', 'padded', 'packed'] }, { map: but('map', 'softmax') }],
  [{ keyLengths: ['ragged', 'padded', 'packed'] }, { queries: ['same'] }],
  [{ keyLengths: ['packed'] }, { split: ['whole'] }],
  [{ keyLengths: ['packed'] }, { carry: ['kept'] }],
  [{ keyLengths: ['packed'] }, { beside: ['nothing'] }],
  // Causal linear attention, and a step, have as many queries as keys.
  [{ queries: ['other'], causal: ['causal'] }, { map: ['softmax'] }],
  [{ queries: ['other'] }, { rule: ['linear'] }],
  [{ queries: ['other'] }, { decay: ['none'] }],
  [{ queries: ['other'] }, { split: ['whole', 'pieces'] }],
  // Features are relative to the largest key of a call: splitting changes the results.
  [{ map: ['favor epsilon'] }, { split: ['whole'] }],
  [{ map: ['favor epsilon'] }, { beside: ['nothing'] }],
  // nu is less than twice dim.
  [{ map: ['dpfp nu 3'] }, { dim: but('dim', 1) }],
  // Leading axes may be left out where they are 1.
  [{ rank: [3, 2] }, { batch: [1] }],
  [{ rank: [2] }, { heads: ['1 1 1'] }],
  // Live views are of this thread's memory; buffers are handed over to a Worker; only its calls are sliced.
  [{ input: ['live'] }, { entry: ['main'] }],
  [{ out: ['live'] }, { entry: ['main'] }],
  [{ input: ['transferred'] }, { entry: ['worker'] }],
  [{ sliced: ['yes'] }, { entry: ['worker'] }],
  [{ sliced: ['yes'] }, { input: but('input', 'live') }],
  [{ sliced: ['yes'] }, { out: but('out', 'live') }],
  [{ input: ['transferred'] }, { out: but('out', 'live') }],
];

const names = Object.keys(AXES);

/** Whether no rule is broken by the axes that are set. */
export function isConsistent(partial) {
  return RULES.every(([left, right]) => {
    if (!Object.entries(left).every(([axis, values]) => values.includes(partial[axis]))) return true;
    return Object.entries(right).every(([axis, values]) => partial[axis] === undefined || values.includes(partial[axis]));
  });
}

/** d' of a map. */
export function featuresOf(map, dim) {
  const [name] = map.split(' ');
  const named = / (\d+) features/.exec(map);
  if (named) return Number(named[1]);
  const sizes = { softmax: dim, elu: dim, relu: dim, identity: dim, taylor: 1 + dim + (dim * (dim + 1)) / 2, dpfp: 2 * dim * (map === 'dpfp nu 3' ? 3 : 1), hedgehog: 2 * dim, learned: 9, cosformer: 2 * dim };
  if (sizes[name] !== undefined) return sizes[name];
  if (map === 'favor drawn') return 4 * dim;
  return map === 'favor' || map === 'favor no norm' || map === 'favor epsilon' || map === 'favor a head' ? 7 : 10;
}

/** Multiply-adds of the oracle: what a run costs. */
const MOST = 2.5e6;
function costOf(one) {
  const { map, rule, causal, dim, valueDim, length, batch, split, threads, entry } = one;
  const { most, states } = headsOf(one);
  const features = featuresOf(map, dim);
  const work = map === 'softmax' || causal === 'full'
    ? most * length * length * (features + valueDim)
    : length * features * valueDim * (most + states * (rule === 'linear' ? 1 : 2));
  const calls = split === 'steps' || split === 'prompt' ? length : 1;
  return batch * work + calls * (entry === 'worker' ? 15_000 : 2_000 * threads);
}

/** Whether a whole case is legal and cheap enough to be run by the thousand. */
export const isLegal = (one) => names.every((axis) => AXES[axis].includes(one[axis])) && isConsistent(one) && costOf(one) <= MOST;
