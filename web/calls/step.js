/** state.step(): one token. What all tokens of a state share is written once, so that a token costs little beside the core's work. */
import { checkStatus, Frame, INVALID_GATE } from '../core/core.js';
import { wrongShape } from '../core/errors.js';
import { checkOptions, optionTakers, takeAsIs, takeKeyLengths, takeNumbers, takeTensor } from '../core/given.js';
import { commitOut, locate, locateOut, place, refuseOverlap, refuseStateOverlap } from '../core/operand.js';
import { residentMemory } from '../core/resident.js';
import { ARGUMENTS, wordsOf } from '../core/structs.js';
import { checkMapHeads, checkPositions, mapFields } from '../maps/feature_map.js';
import { GateAxes, invalidGate, readGate, shapeGate } from './gates.js';
import { checkHeads } from './inputs.js';
import { keepCall, rememberCall } from './history.js';
import { advance, placesOf } from './positions.js';
import { checkRows, readRows } from './row_lengths.js';
import { runWithTransition } from './transition.js';

const OPTIONS = optionTakers({ decay: takeNumbers, beta: takeNumbers, lengths: takeKeyLengths, out: takeAsIs });
const WORDS = wordsOf(ARGUMENTS.la_linear);

/** Every row takes the token. */
const ALL_ROWS = { counts: null, starts: null };

/** [batch, heads, width] or, in a batch of one, [heads, width]. */
function sizeToken(given, batch, width, heads) {
  const { shape } = given;
  const rank = shape.length;
  const fits = (rank === 3 ? shape[0] === batch : rank === 2 && batch === 1) && shape[rank - 1] === width;
  if (!fits) throw wrongShape(given.name, `[${batch}, ${heads}, ${width}]`, shape);
  given.heads = shape[rank - 2];
}

function writeArray(i32, at, { data, batch, head, row }, pointer, heads, width) {
  i32[at + data] = pointer;
  i32[at + batch] = heads * width;
  i32[at + head] = width;
  i32[at + row] = width;
}

function writeGate(i32, at, words, pointer, gate) {
  i32[at + words.data] = pointer;
  if (gate === null) return;
  i32[at + words.heads] = gate.heads;
  i32[at + words.batch] = gate.batch;
  i32[at + words.head] = gate.head;
  i32[at + words.row] = gate.row;
  i32[at + words.channel] = gate.channel;
}

const rowsAt = (data, heads, width) => ({ data, batch: heads * width, head: width, row: width });

function gateAt(data, gate) {
  if (gate === null) return 0;
  const { heads, batch, head, row, channel } = gate;
  return { data, heads, batch, head, row, channel };
}

/** The arguments of a token by the names of la_linear_args, for what is kept of it. */
const describeStep = (memory, { most, query, key, value, decay, beta }, { kAt, vAt, decayAt, betaAt }) => ({
  heads: most, q_heads: query.heads, k_heads: key.heads, v_heads: value.heads, n_q: 1, n_k: 1, causal: 1, out: true,
  k: rowsAt(kAt, key.heads, memory.dim), v: rowsAt(vAt, value.heads, memory.valueDim), decay: gateAt(decayAt, decay), beta: gateAt(betaAt, beta),
});

export function step(state, q, k, v, options) {
  let [givenDecay, givenBeta, givenLengths, givenOut] = [undefined, undefined, undefined, undefined];
  if (options !== undefined) {
    checkOptions('step', options, OPTIONS);
    const { decay, beta, lengths, out } = options;
    givenDecay = decay === undefined ? undefined : takeNumbers('decay', decay);
    givenBeta = beta === undefined ? undefined : takeNumbers('beta', beta);
    givenLengths = lengths === undefined ? undefined : takeKeyLengths('lengths', lengths);
    givenOut = out;
  }
  const query = takeTensor('q', q);
  const key = takeTensor('k', k);
  const value = takeTensor('v', v);
  const { batch, heads, dim, valueDim, featureMap } = state;
  sizeToken(query, batch, dim, 'query heads');
  sizeToken(key, batch, dim, 'heads');
  sizeToken(value, batch, valueDim, 'heads');
  checkHeads(query, key, value);
  const held = Math.max(key.heads, value.heads);
  if (held !== heads) throw new RangeError(`heads of ${key.heads < value.heads ? 'v' : 'k'} must be ${heads}, as the state has, got ${held}`);
  checkMapHeads(featureMap, key.heads);
  const rank = query.shape.length;
  let axes = null;
  let decay = null;
  let beta = null;
  if (givenDecay !== undefined || givenBeta !== undefined) {
    axes = new GateAxes('token', rank, batch, heads, key.heads, 1, featureMap.features);
    decay = readGate(givenDecay, 'decay', axes);
    beta = readGate(givenBeta, 'beta', axes);
  }
  const { counts, starts } = givenLengths === undefined ? ALL_ROWS : checkRows(readRows({ lengths: givenLengths }, batch), 1, 1);
  const memory = residentMemory('state', state);
  // Lists were read since the sizes were compared.
  if (memory.batch !== batch) throw new RangeError(`batch must be ${memory.batch}, as the state has, got ${batch}`);
  const { core } = memory;
  locate(core, query);
  locate(core, key);
  locate(core, value);
  if (axes !== null) {
    if (decay !== null) locate(core, decay);
    if (beta !== null) locate(core, beta);
    decay = shapeGate(decay, 'decay', axes);
    beta = shapeGate(beta, 'beta', axes);
  }
  const most = Math.max(query.heads, heads);
  const out = locateOut(core, givenOut, rank === 3 ? [batch, most, valueDim] : [most, valueDim]);
  mapFields(featureMap);
  checkPositions(featureMap, placesOf(memory), counts ?? 1, 'the sequence');
  const places = [query, key, value, decay?.given ?? null, beta?.given ?? null];
  refuseOverlap(out, 'out', places);
  refuseStateOverlap(memory, out, places);
  const frame = new Frame(core);
  try {
    const pointer = out.pointer || frame.alloc(out.length * 4);
    const qAt = place(frame, query);
    const kAt = place(frame, key);
    const vAt = place(frame, value);
    const decayAt = decay === null ? 0 : place(frame, decay.given);
    const betaAt = beta === null ? 0 : place(frame, beta.given);
    const countsAt = counts === null ? 0 : frame.copyIn(counts);
    const startsAt = counts === null ? 0 : frame.copyIn(starts);
    const { stepArgs } = memory;
    const at = stepArgs >>> 2;
    const { i32 } = core;
    i32[at + WORDS.key_lengths] = countsAt;
    i32[at + WORDS.starts] = startsAt;
    i32[at + WORDS.heads] = most;
    i32[at + WORDS.q_heads] = query.heads;
    i32[at + WORDS.k_heads] = key.heads;
    i32[at + WORDS.v_heads] = value.heads;
    writeArray(i32, at, WORDS.q, qAt, query.heads, dim);
    writeArray(i32, at, WORDS.k, kAt, key.heads, dim);
    writeArray(i32, at, WORDS.v, vAt, value.heads, valueDim);
    writeArray(i32, at, WORDS.out, pointer, most, valueDim);
    writeGate(i32, at, WORDS.decay, decayAt, decay);
    writeGate(i32, at, WORDS.beta, betaAt, beta);
    const causes = { [INVALID_GATE]: () => invalidGate(core, { decay, beta }, { counts, starts }) };
    const run = () => checkStatus('la_linear', core.runWritten('la_linear', stepArgs), causes);
    const isKept = memory.history !== null || memory.transition !== null;
    const args = isKept ? describeStep(memory, { most, query, key, value, decay, beta }, { kAt, vAt, decayAt, betaAt }) : null;
    const kept = memory.history === null ? undefined : keepCall(memory, args, { counts, starts }, { k: key.length, v: value.length, decay: decay?.given.length, beta: beta?.given.length });
    if (memory.transition === null) run();
    else {
      Object.assign(args, { batch, dim, map: mapFields(featureMap), scale: state.scale, eps: state.eps, key_lengths: countsAt, starts: startsAt });
      runWithTransition(state, memory, frame, args, { decay, beta }, { counts, starts }, causes, run);
    }
    advance(memory, 1, counts);
    if (kept !== undefined) rememberCall(memory, kept);
    return commitOut(core, out, pointer);
  } finally {
    frame.release();
  }
}
