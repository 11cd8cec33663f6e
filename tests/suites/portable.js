/** The suites that any engine runs, a browser's as well: they need nothing of Node, and little memory. */
import { absorb } from './absorb.js';
import { aliases } from './aliases.js';
import { cache } from './cache.js';
import { cacheVerbs } from './cache_verbs.js';
import { callArguments } from './call_arguments.js';
import { exp } from './exp.js';
import { expMap } from './exp_map.js';
import { foreign } from './foreign.js';
import { featureMaps } from './feature_maps.js';
import { family } from './family.js';
import { gap } from './gap.js';
import { given } from './given.js';
import { givenValues } from './given_values.js';
import { givenLists } from './given_lists.js';
import { heads } from './heads.js';
import { lifetime } from './lifetime.js';
import { linear } from './linear.js';
import { long } from './long.js';
import { longGates } from './long_gates.js';
import { longMaps } from './long_maps.js';
import { longSoftmax } from './long_softmax.js';
import { mapArguments } from './map_arguments.js';
import { merge } from './merge.js';
import { nn } from './nn.js';
import { objectArguments } from './object_arguments.js';
import { onnx } from './onnx.js';
import { packed } from './packed.js';
import { pieces } from './pieces.js';
import { presets } from './presets.js';
import { properties } from './properties.js';
import { ragged } from './ragged.js';
import { raggedSoftmax } from './ragged_softmax.js';
import { ratio } from './ratio.js';
import { rewind } from './rewind.js';
import { samplerSuite } from './sampler.js';
import { savedCache } from './saved_cache.js';
import { savedMap } from './saved_map.js';
import { savedState } from './saved_state.js';
import { scaled } from './scaled.js';
import { sizes } from './sizes.js';
import { softmax } from './softmax.js';
import { softmaxOptions } from './softmax_options.js';
import { state } from './state.js';
import { stateObject } from './state_object.js';
import { stateRows } from './state_rows.js';

export const portable = {
  exp,
  'feature maps': featureMaps,
  softmax,
  'softmax options': softmaxOptions,
  'long softmax': longSoftmax,
  linear,
  long,
  'long, every map': longMaps,
  'long, gates': longGates,
  family,
  heads,
  sizes,
  scaled,
  'exp map': expMap,
  ratio,
  packed,
  pieces,
  presets,
  onnx,
  state,
  'a state as an object': stateObject,
  'rows of a state': stateRows,
  'ragged batches': ragged,
  absorb,
  'tokens taken back': rewind,
  'parts merged': merge,
  'saved state': savedState,
  'saved map': savedMap,
  'saved cache': savedCache,
  'what is given': given,
  'values that are given': givenValues,
  'lists that are given': givenLists,
  'tensors of other libraries': foreign,
  cache,
  'cache verbs': cacheVerbs,
  'ragged softmax': raggedSoftmax,
  gap,
  properties,
  'arguments of calls': callArguments,
  'arguments of objects': objectArguments,
  'arguments of maps': mapArguments,
  lifetime,
  aliases,
  nn,
  sampler: samplerSuite,
};
