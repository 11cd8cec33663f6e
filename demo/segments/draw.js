// What the tokens of a sequence attend with: every number a function of the seed and its place, so that any process draws any part.

/** Scrambles 32 bits: the last steps of murmur3. */
function scramble(bits) {
  let t = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  t = Math.imul(t ^ (t >>> 13), 0xc2b2ae35);
  return t ^ (t >>> 16);
}

const SPREAD = Math.sqrt(3) / 2 ** 31;

/** The streams of a head and token; each draws numbers of its own. */
const streams = { q: 0, k: 1, v: 2, decay: 3, beta: 4 };

/**
 * Fills `out` [heads, to − from, width] with numbers of variance 1, uniform in ±√3; `finish(out, start, end)` may change
 * those of a head and token.
 */
function fill(out, name, { seed, heads }, width, from, to, finish) {
  let at = 0;
  for (let head = 0; head < heads; head++) {
    const stream = scramble(seed ^ scramble(8 * head + streams[name] + 1));
    for (let token = from; token < to; token++) {
      const counter = scramble(stream ^ scramble(token));
      for (let i = 0; i < width; i++) out[at + i] = SPREAD * scramble(counter + Math.imul(i, 0x9e3779b9));
      finish?.(out, at, at + width);
      at += width;
    }
  }
}

/** Makes a vector one of length 1, as delta rules need their keys. */
function normalise(x, start, end) {
  let sum = 0;
  for (let i = start; i < end; i++) sum += x[i] * x[i];
  const factor = 1 / Math.sqrt(sum);
  for (let i = start; i < end; i++) x[i] *= factor;
}

/** Brings numbers in ±√3 to 0 … 2·mean. */
const gateOf = (mean) => (x, start, end) => {
  for (let i = start; i < end; i++) x[i] = mean * (1 + x[i] / Math.sqrt(3));
};

/** What each write rule of the command has beside keys and values; a decay is one number a head and token, or one a channel as well. */
export const rules = {
  sum: { featureMap: 'elu', normalize: true },
  decay: { featureMap: 'identity', normalize: false, decay: 'token' },
  gla: { featureMap: 'identity', normalize: false, decay: 'channel' },
  delta: { featureMap: 'identity', normalize: false, beta: true },
  gatedDelta: { featureMap: 'identity', normalize: false, decay: 'token', beta: true },
  kda: { featureMap: 'identity', normalize: false, decay: 'channel', beta: true },
};

/** All that a token may have. */
export const tensors = Object.keys(streams);

/**
 * A function (names, from, to) → { q, k, v, decay, beta } of these tokens, no more than `longest`, of which those of `names` that
 * the rule has are made; what it gave before is overwritten. Gates forget so slowly, over the whole sequence e⁻⁴ each, that the
 * first part is felt in the last.
 */
export function drawer(settings, longest) {
  const { heads, dim, tokens, rule } = settings;
  const { decay, beta } = rules[rule];
  const slow = 4 / tokens;
  const kinds = {
    q: { width: dim },
    k: { width: dim, finish: beta && normalise },
    v: { width: dim },
    ...(decay && { decay: { width: decay === 'channel' ? dim : 1, finish: gateOf(-slow), isFlat: decay === 'token' } }),
    ...(beta && { beta: { width: 1, finish: gateOf(Math.min(slow * dim, 0.5)), isFlat: true } }),
  };
  for (const kind of Object.values(kinds)) kind.data = new Float32Array(heads * longest * kind.width);
  return (names, from, to) => Object.fromEntries(names.filter((name) => kinds[name]).map((name) => {
    const { width, finish, isFlat, data } = kinds[name];
    fill(data, name, settings, width, from, to, finish);
    return [name, { data: data.subarray(0, heads * (to - from) * width), shape: [1, heads, to - from, ...(isFlat ? [] : [width])] }];
  }));
}
