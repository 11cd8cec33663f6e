import { copyOf, newArray, newFloats } from '../core/arrays.js';
import { AttentionError } from '../core/errors.js';
import { asTheyAre, optionTakers, takeOptions } from '../core/given.js';
import { internal, memoryOf, own, releaseMemory, residentMemory } from '../core/resident.js';
import { checkInteger } from '../core/validate.js';
import { readRows } from './batch_rows.js';
import { CACHE_OPTIONS, readCacheOptions, slackOf, slotsOf } from './cache_options.js';
import { arrayOf, copySlots, copyTokens, floatsOf, partsOf, readSlots, writeSlots } from './cache_rows.js';
import { packCache, unpackCache } from './saved_cache.js';

const OPTIONS = optionTakers(asTheyAre(...CACHE_OPTIONS));

/**
 * Every key and value seen, or those of the first and the last tokens. Each row of the batch has its own tokens: those in
 * front of the gap lie in the slots of their positions, the others as many slots further down as it is wide.
 */
export class Cache {
  /** Tokens that each row has seen, and how many of them it dropped behind its sinks. */
  #lengths;
  #gaps;

  constructor(core, options) {
    const o = takeOptions('cache', options, OPTIONS);
    core.check();
    Object.assign(this, readCacheOptions(o));
    const slots = slotsOf(this);
    this.#lengths = newArray(Float64Array, this.batch);
    this.#gaps = newArray(Float64Array, this.batch);
    // Before the core's memory is taken, so that none is left behind where there is no room for them.
    const rows = this.#newRows();
    const length = floatsOf(this, slots);
    const pointer = core.alloc(length * 4);
    own(this, {
      core, pointer, length, slots,
      parts: partsOf(pointer, this, slots),
      held: { ...rows, isUniform: true, places: null },
      lengths: this.#lengths,
      gaps: this.#gaps,
      requireRoom: (tokens, rows) => this.#requireRoom(tokens, rows),
      append: (frame, args, tokens, rows) => this.#append(frame, args, tokens, rows),
      commit: (held) => this.#commit(held),
      setRows: (lengths, gaps) => {
        this.#lengths.set(lengths);
        this.#gaps.set(gaps);
      },
    });
  }

  /** Numbers of a row each, which a call overwrites. */
  #newRows() {
    return Object.fromEntries(['offsets', 'keys', 'gaps', 'lengths'].map((name) => [name, newArray(Float64Array, this.batch)]));
  }

  get length() {
    return this.#lengths.reduce((most, length) => Math.max(most, length), 0);
  }

  get lengths() {
    return Array.from(this.#lengths);
  }

  get bytes() {
    return this[internal].length * 4;
  }

  /** Whether the tokens of a call fit, `rows` in each row or as many as tokens.counts says; returns the most that a row then has. */
  #requireRoom(tokens, rows) {
    let most = 0;
    for (let b = 0; b < this.batch; b++) {
      const held = this.#lengths[b];
      const more = tokens === null ? rows : tokens.counts[b];
      most = Math.max(most, held + more);
      if (held + more > this.maxLength) throw new AttentionError('cache-full', `The cache holds ${held} of at most ${this.maxLength} tokens; ${more} more do not fit`);
    }
    return most;
  }

  /** The oldest token behind the sinks that is kept of a row of so many. */
  #oldestKept(length) {
    return this.window === null ? 0 : Math.max(this.sinks, length - (this.window - 1 + slackOf(this.window)));
  }

  /** The gap of a row that is to take so many tokens: without room for them it goes without what lies beyond its window and slack. */
  #gapFor(b, count) {
    const [gap, length] = [this.#gaps[b], this.#lengths[b]];
    return length - gap + count > this[internal].slots ? Math.max(gap, this.#oldestKept(length) - this.sinks) : gap;
  }

  /** Copies what a row has, but for what a wider gap leaves out, to another place of as many slots or more. */
  #copyRow(part, to, b, gap) {
    const { core: { f32 } } = this[internal];
    const by = gap - this.#gaps[b];
    const used = this.#lengths[b] - gap;
    const first = by === 0 ? used : Math.min(used, this.sinks);
    copySlots(f32, this.heads, { part, row: b, slot: 0 }, { part: to, row: b, slot: 0 }, first);
    if (used > first) copySlots(f32, this.heads, { part, row: b, slot: first + by }, { part: to, row: b, slot: first }, used - first);
  }

  /**
   * Puts tokens of a call's placed k and v behind the ones held, and has the call take them all; `tokens`: { starts, counts }
   * of them, a number a row, or null: `rows` of each. Returns what the call has to know: { offsets, keys, gaps, isUniform },
   * the slot of each row's first new token, its slots in use, its gap, and whether all rows are alike and without one. The
   * tokens count once `commit` is called with it: until then nothing that the cache has is moved or dropped, and what it has
   * no room for lies in memory of the frame.
   */
  #append(frame, args, tokens, rows) {
    const { batch, heads } = this;
    const { core, slots, parts, held } = this[internal];
    const { offsets, keys, gaps, lengths } = held;
    held.isUniform = tokens === null;
    let most = 0;
    let isMoved = false;
    for (let b = 0; b < batch; b++) {
      const count = tokens === null ? rows : tokens.counts[b];
      gaps[b] = this.#gapFor(b, count);
      if (gaps[b] !== this.#gaps[b]) isMoved = true;
      lengths[b] = this.#lengths[b] + count;
      keys[b] = lengths[b] - gaps[b];
      offsets[b] = keys[b] - count;
      most = Math.max(most, keys[b]);
      if (gaps[b] !== 0 || offsets[b] !== offsets[0]) held.isUniform = false;
    }
    held.places = most <= slots && !isMoved ? parts : partsOf(frame.alloc(floatsOf(this, most) * 4), this, most);
    const { f32 } = core;
    for (let i = 0; i < parts.length; i++) {
      const part = parts[i];
      const place = held.places[i];
      const array = i === 0 ? args.k : args.v;
      for (let b = 0; b < batch; b++) {
        if (place !== part) this.#copyRow(part, place, b, gaps[b]);
        copyTokens(f32, heads, array, tokens === null ? 0 : tokens.starts[b], keys[b] - offsets[b], place, b, offsets[b]);
      }
    }
    args.k = arrayOf(held.places[0], heads);
    args.v = arrayOf(held.places[1], heads);
    args.n_k = most;
    return held;
  }

  #commit({ lengths, gaps, places }) {
    if (places !== this[internal].parts) this.#keepLast(places, lengths, gaps);
    this.#lengths.set(lengths);
    this.#gaps.set(gaps);
  }

  /** Fills the cache from larger places with what is kept of rows of so many tokens, and brings their gaps up to it. */
  #keepLast(places, lengths, gaps) {
    const { core: { f32 }, parts } = this[internal];
    for (let b = 0; b < this.batch; b++) {
      const gap = gaps[b];
      const first = Math.max(this.sinks + gap, this.#oldestKept(lengths[b]));
      places.forEach((part, i) => {
        copySlots(f32, this.heads, { part, row: b, slot: 0 }, { part: parts[i], row: b, slot: 0 }, Math.min(this.sinks, lengths[b]));
        if (lengths[b] > first) copySlots(f32, this.heads, { part, row: b, slot: first - gap }, { part: parts[i], row: b, slot: this.sinks }, lengths[b] - first);
      });
      gaps[b] = first - this.sinks;
    }
  }

  truncate(length) {
    residentMemory('cache', this);
    const to = checkInteger('length', length, 0, this.length);
    this.#lengths.forEach((held, b) => {
      const [gap, first] = [this.#gaps[b], this.sinks + this.#gaps[b]];
      // What a query at the end sees has to be there, where something was dropped.
      if (to < held && gap > 0 && to - this.window + 1 < first) {
        throw new RangeError(`length must be at least ${first + this.window - 1}, since row ${b} has dropped the tokens before ${first}, got ${to}`);
      }
    });
    for (let b = 0; b < this.batch; b++) this.#lengths[b] = Math.min(this.#lengths[b], to);
  }

  select(rows) {
    const chosen = readRows(rows, this.batch, this.batch);
    const { core, parts } = residentMemory('cache', this);
    const [lengths, gaps] = [copyOf(this.#lengths), copyOf(this.#gaps)];
    const used = (b) => lengths[b] - gaps[b];
    const moved = [...new Set(chosen.filter((from, to) => from !== to))];
    const perSlot = this.heads * (this.dim + this.valueDim);
    const starts = new Map();
    let floats = 0;
    for (const from of moved) {
      starts.set(from, floats);
      floats += used(from) * perSlot;
    }
    const copy = newFloats(floats);
    const { f32 } = core;
    const each = (row, from, move) => {
      let at = starts.get(from);
      for (const part of parts) {
        move(f32, this.heads, part, row, used(from), copy, at);
        at += used(from) * this.heads * part.width;
      }
    };
    for (const from of moved) each(from, from, readSlots);
    chosen.forEach((from, to) => {
      if (from !== to) each(to, from, writeSlots);
      this.#lengths[to] = lengths[from];
      this.#gaps[to] = gaps[from];
    });
  }

  copyFrom(other) {
    const { core } = residentMemory('cache', this);
    const theirs = memoryOf(core, 'other', other, Cache, 'a Cache');
    for (const name of ['batch', 'heads', 'dim', 'valueDim', 'window', 'sinks']) {
      if (other[name] !== this[name]) throw new RangeError(`${name} of other must be ${this[name]}, as this cache has, got ${other[name]}`);
    }
    this.#requireEmptyRoom(theirs.lengths);
    this.#copyRows(theirs);
  }

  #requireEmptyRoom(lengths) {
    for (const length of lengths) {
      if (length > this.maxLength) throw new AttentionError('cache-full', `The cache holds at most ${this.maxLength} tokens; the ${length} of other do not fit`);
    }
  }

  /** Takes all rows of another cache of these sizes: what is no longer than maxLength has room. */
  #copyRows({ parts, lengths, gaps }) {
    const { core: { f32 }, parts: ours } = this[internal];
    parts.forEach((part, i) => {
      for (let b = 0; b < this.batch; b++) copySlots(f32, this.heads, { part, row: b, slot: 0 }, { part: ours[i], row: b, slot: 0 }, lengths[b] - gaps[b]);
    });
    this.#lengths.set(lengths);
    this.#gaps.set(gaps);
  }

  reset(rows) {
    const chosen = rows === undefined ? null : readRows(rows, this.batch);
    residentMemory('cache', this);
    for (let b = 0; b < this.batch; b++) {
      if (chosen !== null && !chosen.includes(b)) continue;
      this.#lengths[b] = 0;
      this.#gaps[b] = 0;
    }
  }

  clone() {
    const memory = residentMemory('cache', this);
    const copy = new Cache(memory.core, Object.fromEntries(CACHE_OPTIONS.map((name) => [name, this[name] ?? undefined])));
    copy.#copyRows(memory);
    return copy;
  }

  save() {
    const { core, parts } = residentMemory('cache', this);
    return packCache(this, this.#lengths, this.#gaps, (part, row, count, floats, at) => readSlots(core.f32, this.heads, parts[part], row, count, floats, at));
  }

  static restore(core, bytes) {
    core.check();
    const { options, lengths, gaps, arrays, held } = unpackCache(bytes);
    const cache = new Cache(core, options);
    const { parts } = cache[internal];
    const { f32 } = core;
    arrays.forEach((floats, i) => {
      const perRow = cache.heads * held * parts[i].width;
      for (let b = 0; b < cache.batch; b++) writeSlots(f32, cache.heads, parts[i], b, held, floats, b * perRow);
    });
    cache.#lengths.set(lengths);
    cache.#gaps.set(gaps);
    return cache;
  }

  dispose() {
    releaseMemory(this);
  }
}

if (Symbol.dispose) Cache.prototype[Symbol.dispose] = Cache.prototype.dispose;
