/**
 * Gradients in float64, straight from the recurrence: every state is stored, and tokens are gone through backwards one by
 * one. Tensors are as in tests/oracle.js, maps those of map_gradients.js; a gradient has the shape of what it is of.
 */
import { countHeads } from './linear.js';
import { biasIndex, biasOf, seenBy, softmaxRow, visibleKeys, weightsOf } from './softmax.js';
import { dot, rowsOf, zeros } from './tensor.js';

const headOf = (h, heads, n) => Math.floor((h * n) / heads);

/** Gradients of a map's arrays, to be added to: { name: Float64Array }. */
const zerosOf = (map) => Object.fromEntries(Object.entries(map.arrays).map(([name, { data }]) => [name, new Float64Array(data.length)]));
const shaped = (map, into) => Object.fromEntries(Object.entries(into).map(([name, data]) => [name, { data, shape: map.arrays[name].shape }]));

/** Where in a gate the number of a token and feature is: of shape [], [n], [B, n, T] or [B, n, T, features or 1]. */
function gateIndex({ shape }, b, g, G, t, f) {
  if (shape.length === 0) return 0;
  if (shape.length === 1) return headOf(g, G, shape[0]);
  const [, n, T, width = 1] = shape;
  return ((b * n + headOf(g, G, n)) * T + t) * width + (width > 1 ? f : 0);
}

/** The state of one head token by token: what a token found, what it left, and what it wrote. */
function writeTokens({ S, z }, keys, values, { decay, beta }, b, g, G) {
  const steps = [];
  for (let t = 0; t < keys.length; t++) {
    const keep = keys[t].map((_, f) => (decay ? Math.exp(decay.data[gateIndex(decay, b, g, G, t, f)]) : 1));
    const before = { S, z };
    const decayed = { S: S.map((row, f) => row.map((x) => x * keep[f])), z: z.map((x, f) => x * keep[f]) };
    const strength = beta ? beta.data[gateIndex(beta, b, g, G, t, 0)] : 1;
    const missing = values[t].map((x, c) => (beta ? x - keys[t].reduce((sum, a, f) => sum + a * decayed.S[f][c], 0) : x));
    const u = missing.map((x) => strength * x);
    S = decayed.S.map((row, f) => row.map((x, c) => x + keys[t][f] * u[c]));
    z = decayed.z.map((x, f) => x + keys[t][f]);
    steps.push({ before, decayed, keep, strength, missing, u, S, z });
  }
  return steps;
}

/** One query over one state: adds to dS and dz, returns the gradient by φ(q). isFixed: as if the normaliser were a constant. */
function pullRead(query, { S, z }, dOut, { normalize, scale, eps, isFixed }, { dS, dz }) {
  const width = dOut.length;
  const n = Float64Array.from({ length: width }, (_, c) => scale * query.reduce((sum, a, f) => sum + a * S[f][c], 0));
  const c = normalize ? scale * dot(query, z) + eps : 1;
  if (c === 0) return new Float64Array(query.length);
  const dn = dOut.map((x) => x / c);
  const dc = normalize && !isFixed ? -dot(dOut, n) / (c * c) : 0;
  query.forEach((a, f) => {
    dn.forEach((x, i) => (dS[f][i] += scale * a * x));
    dz[f] += scale * a * dc;
  });
  return query.map((_, f) => scale * (dot(S[f], dn) + z[f] * dc));
}

/** Σ|a·b|. */
const sizes = (a, b) => a.reduce((sum, x, i) => sum + Math.abs(x * b[i]), 0);

/**
 * One token: takes dS and dz from after it to before it, returns the gradients by φ(k) and v; those of gates are added to
 * `into`, with isFixed the sizes of their terms.
 */
function pullWrite(step, key, { decay, beta }, { dS, dz }, into, at, isFixed) {
  const product = isFixed ? sizes : dot;
  const du = step.u.map((_, c) => key.reduce((sum, a, f) => sum + a * dS[f][c], 0));
  const dKey = key.map((_, f) => dot(dS[f], step.u) + dz[f]);
  const dv = du.map((x) => step.strength * x);
  // The delta rule takes away most of what a key has written.
  const whole = isFixed ? dS.map((row) => row.slice()) : dS;
  if (beta) {
    into.beta[at(beta, 0)] += product(du, step.missing);
    key.forEach((a, f) => {
      dKey[f] -= dot(step.decayed.S[f], dv);
      dv.forEach((x, c) => (dS[f][c] -= a * x));
    });
  }
  if (decay) {
    key.forEach((_, f) => {
      // Sums over a block are differences of what a token leaves behind, of which strong decay took most away.
      const [found, sum] = isFixed ? [step.S[f], step.z[f]] : [step.decayed.S[f], step.decayed.z[f]];
      into.decay[at(decay, f)] += product(found, whole[f]) + product([sum], [dz[f]]);
      dS[f].forEach((x, c) => (dS[f][c] = x * step.keep[f]));
      dz[f] *= step.keep[f];
    });
  }
  return { dKey, dv };
}

/**
 * Gradients of sum(o ∘ dOut) + sum(S ∘ dFinalState) + sum(z ∘ dFinalKeySum) of linear attention, by the options of the
 * oracle's linear with `map` in place of featureMap; starts: positions of the first token, by batch. With isFixed as if
 * normalisers were constants, and of gates sums of sizes: how large the terms are that cancel. →
 * { dq, dk, dv, dDecay, dBeta, dState, dKeySum, dMap: { weights, … } }
 */
export function linearGradient(q, k, v, dOut, { map, causal = false, decay, beta, starts, keyLengths, initialState, initialKeySum, dFinalState, dFinalKeySum, isFixed = false, ...rest }) {
  const { normalize = !decay && !beta, scale = 1, eps = 1e-6 } = rest;
  const { H, G } = countHeads(q, k, v);
  const [B, queryHeads, Tq] = q.shape;
  const [, keyHeads, T] = k.shape;
  const [, valueHeads, , width] = v.shape;
  const [dq, dk, dv] = [q, k, v].map(({ shape }) => zeros(shape));
  const gates = { decay, beta };
  const into = { decay: new Float64Array(decay?.data.length ?? 0), beta: new Float64Array(beta?.data.length ?? 0) };
  const dMap = zerosOf(map);
  const place = (as, b, head, heads, t) => ({ as, head, heads, position: (starts?.[b] ?? 0) + t });
  const features = map.apply(new Float64Array(k.shape[3]), place('key', 0, 0, keyHeads, 0)).length;
  const [dState, dKeySum] = [zeros([B, G, features, width]), zeros([B, G, features])];
  const vectorOf = (x, b, g) => Float64Array.from({ length: features }, (_, f) => x?.data[(b * G + g) * features + f] ?? 0);
  const matrixOf = (x, b, g) => (x ? rowsOf(x, b, g).map((row) => row.slice()) : Array.from({ length: features }, () => new Float64Array(width)));

  for (let b = 0; b < B; b++) {
    for (let g = 0; g < G; g++) {
      const held = visibleKeys(0, b, T, { keyLengths });
      const keyHead = headOf(g, G, keyHeads);
      const rawKeys = rowsOf(k, b, keyHead).slice(0, held);
      const keys = rawKeys.map((x, t) => map.apply(x, place('key', b, keyHead, keyHeads, t)));
      const values = rowsOf(v, b, headOf(g, G, valueHeads)).slice(0, held);
      const start = { S: matrixOf(initialState, b, g), z: vectorOf(initialKeySum, b, g) };
      const steps = writeTokens(start, keys, values, gates, b, g, G);
      const back = { dS: matrixOf(dFinalState, b, g), dz: vectorOf(dFinalKeySum, b, g) };
      const stateAfter = (t) => (t < 0 ? start : steps[Math.min(t, held - 1)] ?? start);

      const reading = Array.from({ length: H / G }, (_, r) => {
        const h = (g * H) / G + r;
        const head = headOf(h, H, queryHeads);
        return { h, queries: rowsOf(q, b, head), outputs: rowsOf(dOut, b, h), into: rowsOf(dq, b, head) };
      });
      const readAt = (i, state) => {
        for (const { h, queries, outputs, into } of reading) {
          const where = place('query', b, h, H, i);
          const d = pullRead(map.apply(queries[i], where), state, outputs[i], { normalize, scale, eps, isFixed }, back);
          map.pull(queries[i], d, where, dMap).forEach((a, c) => (into[i][c] += a));
        }
      };
      const [intoKeys, intoValues] = [rowsOf(dk, b, keyHead), rowsOf(dv, b, headOf(g, G, valueHeads))];
      const writeAt = (t) => {
        const where = place('key', b, keyHead, keyHeads, t);
        const one = pullWrite(steps[t], keys[t], gates, back, into, (gate, f) => gateIndex(gate, b, g, G, t, f), isFixed);
        map.pull(rawKeys[t], one.dKey, where, dMap).forEach((a, c) => (intoKeys[t][c] += a));
        one.dv.forEach((a, c) => (intoValues[t][c] += a));
      };

      if (!causal) for (let i = 0; i < Tq; i++) readAt(i, stateAfter(held - 1));
      for (let t = T - 1; t >= 0; t--) {
        if (causal) readAt(t, stateAfter(t));
        if (t < held) writeAt(t);
      }
      rowsOf(dState, b, g).forEach((row, f) => row.set(back.dS[f]));
      dKeySum.data.set(back.dz, (b * G + g) * features);
    }
  }
  return {
    dq, dk, dv, dState, dKeySum, dMap: shaped(map, dMap),
    dDecay: decay && { data: into.decay, shape: decay.shape }, dBeta: beta && { data: into.beta, shape: beta.shape },
  };
}

/** Adds what the score of query i and key j changes to the gradient of the bias; with isFixed its size. */
function pullBias(into, bias, ds, i, j, h, position, isFixed) {
  if (!bias) return;
  if (Array.isArray(bias)) into.data[h] += isFixed ? Math.abs(ds * (position - j)) : -ds * Math.abs(position - j);
  else into.data[biasIndex(bias, i, j, h)] += isFixed ? Math.abs(ds) : ds;
}

/**
 * { dq, dk, dv, dBias } of sum(o ∘ dOut) of softmax attention, by the options of the oracle's softmax; with isFixed as if the
 * sums of weights were constants, and of a bias sums of sizes: how large the terms are that cancel.
 */
export function softmaxGradient(q, k, v, dOut, { isFixed = false, ...options } = {}) {
  const { scale = 1 / Math.sqrt(q.shape[3]), softcap, bias, causalOffset = 0 } = options;
  const [B, H, Tq] = q.shape;
  const [, kvHeads, Tk] = k.shape;
  const [dq, dk, dv] = [q, k, v].map(({ shape }) => zeros(shape));
  const dBias = bias && zeros(Array.isArray(bias) ? [bias.length] : bias.shape);
  for (let b = 0; b < B; b++) {
    for (let h = 0; h < H; h++) {
      const kvHead = headOf(h, H, kvHeads);
      const [queries, keys, values, outputs] = [rowsOf(q, b, h), rowsOf(k, b, kvHead), rowsOf(v, b, kvHead), rowsOf(dOut, b, h)];
      const [into, intoKeys, intoValues] = [rowsOf(dq, b, h), rowsOf(dk, b, kvHead), rowsOf(dv, b, kvHead)];
      for (let i = 0; i < Tq; i++) {
        const seen = seenBy(i, b, h, Tk, options);
        const products = seen.map((j) => scale * dot(queries[i], keys[j]));
        const capped = products.map((x) => (softcap ? Math.tanh(x / softcap) : 0));
        const p = weightsOf(seen.map((j, n) => (softcap ? softcap * capped[n] : products[n]) + biasOf(bias, i, j, h, i + causalOffset))).weights;
        const dp = seen.map((j) => dot(outputs[i], values[j]));
        const mean = isFixed ? 0 : dot(p, dp);
        seen.forEach((j, n) => {
          const ds = p[n] * (dp[n] - mean);
          pullBias(dBias, bias, ds, i, j, h, i + causalOffset, isFixed);
          const change = scale * ds * (1 - capped[n] ** 2);
          keys[j].forEach((a, c) => (into[i][c] += change * a));
          queries[i].forEach((a, c) => (intoKeys[j][c] += change * a));
          outputs[i].forEach((a, c) => (intoValues[j][c] += p[n] * a));
        });
      }
    }
  }
  return { dq, dk, dv, dBias };
}

/**
 * { loss, dMap } of the mean over batch, heads and queries of −Σ_j p_j log a_j, p the softmax weights and a those of the
 * map (Zhang et al. 2024). Not by q and k.
 */
export function weightsGradient(q, k, { map, causal = false, softmaxScale = 1 / Math.sqrt(q.shape[3]) }) {
  const [B, H, Tq] = q.shape;
  const [, kvHeads, Tk] = k.shape;
  const dMap = zerosOf(map);
  const rows = B * H * Tq;
  let loss = 0;
  for (let b = 0; b < B; b++) {
    for (let h = 0; h < H; h++) {
      const kvHead = headOf(h, H, kvHeads);
      const [queries, keys] = [rowsOf(q, b, h), rowsOf(k, b, kvHead)];
      const keyPlace = (j) => ({ as: 'key', head: kvHead, heads: kvHeads, position: j });
      const mapped = keys.map((x, j) => map.apply(x, keyPlace(j)));
      const dKeys = mapped.map((x) => new Float64Array(x.length));
      for (let i = 0; i < Tq; i++) {
        const where = { as: 'query', head: h, heads: H, position: i };
        const query = map.apply(queries[i], where);
        const p = softmaxRow(queries[i], keys, visibleKeys(i, b, Tk, { causal }), softmaxScale);
        const w = p.map((_, j) => dot(query, mapped[j]));
        const total = w.reduce((a, x) => a + x, 0);
        const dQuery = new Float64Array(query.length);
        p.forEach((weight, j) => {
          // 0·log 0 is 0, and so is its slope.
          loss -= weight === 0 ? 0 : (weight * Math.log(w[j] / total)) / rows;
          const dw = (1 / total - (weight === 0 ? 0 : weight / w[j])) / rows;
          query.forEach((a, f) => {
            dQuery[f] += dw * mapped[j][f];
            dKeys[j][f] += dw * a;
          });
        });
        map.pull(queries[i], dQuery, where, dMap);
      }
      keys.forEach((x, j) => map.pull(x, dKeys[j], keyPlace(j), dMap));
    }
  }
  return { loss, dMap: shaped(map, dMap) };
}

/** AdamW (Kingma & Ba 2015; Loshchilov & Hutter 2019) over lists of gradients, one a step: the parameters after each. */
export function adam(parameters, gradients, { learningRate = 1e-3, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = 0 } = {}) {
  let x = Float64Array.from(parameters);
  const [m, v] = [new Float64Array(x.length), new Float64Array(x.length)];
  return gradients.map((gradient, t) => {
    x = x.map((value, i) => {
      m[i] = beta1 * m[i] + (1 - beta1) * gradient[i];
      v[i] = beta2 * v[i] + (1 - beta2) * gradient[i] ** 2;
      const [mean, square] = [m[i] / (1 - beta1 ** (t + 1)), v[i] / (1 - beta2 ** (t + 1))];
      return value - learningRate * (weightDecay * value + mean / (Math.sqrt(square) + epsilon));
    });
    return x;
  });
}
