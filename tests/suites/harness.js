/** What every suite shares: one instance per suite, leak checks per test, and expected errors by kind. */
import assert from 'node:assert';
import { suite } from 'uvu';
import { AttentionError } from '../../web/core/errors.js';
import { internal } from '../../web/core/resident.js';
import { reshape, sliceTime } from '../util.js';

/** Bytes in use but for maps made from a name, which belong to the instance for good. */
export function usedBytes(attention) {
  const named = [...attention[internal].core.maps].filter(([key]) => typeof key === 'string');
  return named.reduce((bytes, [, map]) => bytes - map.bytes, attention.memory);
}

/**
 * A uvu suite over one instance of `make()`. A test gets (attention, keep); what it passes to `keep` is disposed of
 * at its end, last first, and the test fails if module memory is not back to where it began.
 */
export function attentionSuite(name, make) {
  const run = suite(name);
  let attention;
  run.before(async () => {
    attention = await make();
  });
  run.after(() => attention.dispose());
  const test = (title, body) =>
    run(title, async () => {
      const before = usedBytes(attention);
      const kept = [];
      const keep = (resource) => {
        kept.push(resource);
        return resource;
      };
      try {
        await body(attention, keep);
      } finally {
        for (const resource of kept.reverse()) resource.dispose();
      }
      assert.equal(usedBytes(attention), before, 'bytes still in use after the test');
      assert.equal(attention[internal].core.deskTaken, 0, 'bytes that calls borrowed and kept');
    });
  test.run = () => run.run();
  return test;
}

/** The call throws an instance of `kind` whose message matches. */
export function throwsKind(call, kind, pattern, what = '') {
  let thrown;
  try {
    call();
  } catch (error) {
    thrown = error;
  }
  const wanted = `${what}: expected ${kind.name} with ${pattern}`;
  assert.ok(thrown !== undefined, `${wanted}, nothing was thrown`);
  assert.ok(thrown.constructor === kind, `${wanted}, got ${thrown.constructor.name}: ${thrown.message}`);
  assert.match(thrown.message, pattern, `${wanted}, got: ${thrown.message}`);
}

/** The call throws an AttentionError with this code. */
export function throwsCode(call, code, what = '') {
  let thrown;
  try {
    call();
  } catch (error) {
    thrown = error;
  }
  assert.ok(thrown !== undefined, `${what}: expected AttentionError '${code}', nothing was thrown`);
  assert.ok(thrown.constructor === AttentionError, `${what}: got ${thrown.constructor.name}: ${thrown.message}`);
  assert.equal(thrown.code, code, `${what}: ${thrown.message}`);
}

/** Lengths around the tile, lane and chunk boundaries, the small ones, and a few primes. */
export const lengths = [1, 2, 3, 5, 7, 31, 63, 64, 65, 127, 129, 257, 500];

/** Vector lengths around multiples of four and of the tile, up to the largest allowed. */
export const dims = [1, 2, 3, 4, 5, 7, 8, 16, 31, 32, 33, 64, 65, 100, 128, 255, 256];

/** Options of a state that differ from every default they can. */
export const stateOptions = { featureMap: 'elu', normalize: true, scale: 0.5, eps: 1e-5 };

/** A state for the k and v of inputs(). */
export const stateFor = (attention, { k, v }, rest = {}) =>
  attention.state({ batch: k.shape[0], heads: k.shape[1], dim: k.shape[3], valueDim: v.shape[3], ...rest });

/** Token t of [B, H, T, d], as step() takes it: [B, H, d]. */
export const token = (x, t) => reshape(sliceTime(x, t, t + 1), [x.shape[0], x.shape[1], x.shape[3]]);

/** Tokens `from` to `to` as steps of a state: their outputs, each with an axis of time. */
export const stepAll = (held, { q, k, v }, from, to) => {
  const outputs = [];
  for (let t = from; t < to; t++) {
    const { data, shape } = held.step(token(q, t), token(k, t), token(v, t));
    outputs.push({ data, shape: [shape[0], shape[1], 1, shape[2]] });
  }
  return outputs;
};

/** The same tokens as one causal call on the state. */
export const linearPart = (attention, held, { q, k, v }, from, to) =>
  attention.linear(...[q, k, v].map((x) => sliceTime(x, from, to)), { causal: true, state: held });
