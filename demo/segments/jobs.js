// What a process or Worker does for one part, from the seed and saved states alone.
import { drawer, rules, tensors } from './draw.js';
import { planJobs, tokenOf } from './plan.js';

/** Tokens that are drawn and attend at once: a tensor of them is a megabyte, which stays in a processor's cache. */
const longestBlock = ({ heads, dim, tokens, parts }) => Math.min(Math.max(Math.floor(2 ** 18 / (heads * dim)), 64), Math.ceil(tokens / parts));

/** Lets messages and timers in between two blocks: the lock of a job is renewed, a page stays alive. Workers of a page have none. */
const turn = () => new Promise(globalThis.setImmediate ?? (globalThis.document ? (resolve) => setTimeout(resolve) : (resolve) => resolve()));

/** The tokens of a part whose outputs are kept to be checked: the first, the last, and two between. */
export function sampledTokens(settings, part) {
  const [from, to] = [tokenOf(settings, part), tokenOf(settings, part + 1)];
  const places = [0, 0.38, 0.71, 1].map((place) => from + Math.round(place * (to - from - 1)));
  return [...new Set(places)];
}

/** An empty state; `more`: transition and start. */
export function openState(attention, { heads, dim, rule }, more) {
  const { featureMap, normalize } = rules[rule];
  return attention.state({ heads, dim, featureMap, normalize, ...more });
}

let space = {};

/** Where tokens are drawn and answered, kept for the next job: none runs beside another. */
function spaceOf(settings) {
  const key = JSON.stringify(settings);
  const longest = longestBlock(settings);
  if (space.key !== key) space = { key, longest, draw: drawer(settings, longest), outputs: new Float32Array(settings.heads * settings.dim * longest) };
  return space;
}

/** Goes over the tokens from … to − 1 in blocks: `take(drawn tensors, first token)` each. */
async function eachBlock({ draw, longest }, names, from, to, take) {
  for (let start = from; start < to; start += longest) {
    take(draw(names, start, Math.min(start + longest, to)), start);
    await turn();
  }
}

/** Absorbs tokens into a state. */
export const absorbTokens = (attention, settings, state, from, to) =>
  eachBlock(spaceOf(settings), tensors.filter((name) => name !== 'q'), from, to, ({ k, v, ...gates }) => attention.absorb(k, v, { state, ...gates }));

/** Answers the tokens of a part with a state, which goes on; returns the sampled rows, [rows, heads, dim]. */
export async function answerPart(attention, settings, state, part) {
  const { heads, dim } = settings;
  const wanted = sampledTokens(settings, part);
  const rows = new Float32Array(wanted.length * heads * dim);
  const kept = spaceOf(settings);
  await eachBlock(kept, tensors, tokenOf(settings, part), tokenOf(settings, part + 1), ({ q, k, v, ...gates }, start) => {
    const [, , length] = q.shape;
    const out = kept.outputs.subarray(0, q.data.length);
    attention.linear(q, k, v, { state, causal: true, ...gates, out });
    wanted.forEach((token, row) => {
      const t = token - start;
      for (let head = 0; t >= 0 && t < length && head < heads; head++) {
        const at = (head * length + t) * dim;
        rows.set(out.subarray(at, at + dim), (row * heads + head) * dim);
      }
    });
  });
  return rows;
}

/** The state of a part alone, and what its tokens do to an earlier one. */
async function absorb(attention, settings, { part }) {
  const [start, end] = [tokenOf(settings, part), tokenOf(settings, part + 1)];
  const state = openState(attention, settings, { transition: true, start });
  try {
    await absorbTokens(attention, settings, state, start, end);
    return state.save();
  } finally {
    state.dispose();
  }
}

/** `state` after it has taken in saved ones, in their order. */
function mergeSaved(attention, state, saved) {
  for (const bytes of saved) {
    const later = attention.restore(bytes);
    try {
      state.merge(later);
    } finally {
      later.dispose();
    }
  }
  return state;
}

/** The state of neighbours. */
async function merge(attention, _, job, [first, ...others]) {
  const state = attention.restore(first);
  try {
    return mergeSaved(attention, state, others).save();
  } finally {
    state.dispose();
  }
}

/** Sampled outputs of a part, whose tokens see all before it. */
async function answer(attention, settings, { part }, saved) {
  const state = openState(attention, settings);
  try {
    const rows = await answerPart(attention, settings, mergeSaved(attention, state, saved), part);
    return new Uint8Array(rows.buffer);
  } finally {
    state.dispose();
  }
}

const kinds = { absorb, merge, answer };

/** Carries out a job of plan.js: what comes of it, as bytes, from the bytes that it needs. Depends on nothing else, so it may be done again. */
export const perform = (attention, settings, job, saved) => kinds[job.kind](attention, settings, job, saved);

/** Carries out each kind of job once, for engines compile what runs, and better what ran for a while. */
export async function warmUp(attention) {
  const settings = { tokens: 1 << 15, parts: 2, heads: 1, dim: 64, rule: 'sum', seed: 0 };
  const results = new Map();
  const { states, rows } = planJobs(settings);
  for (const job of [...states, ...rows]) results.set(job.name, await perform(attention, settings, job, job.needs.map((name) => results.get(name))));
}
