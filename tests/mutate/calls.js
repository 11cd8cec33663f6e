/** Changes of the newer calls of the binding, a line each: see mutants.js. */
export const callMutants = [
  // Which tokens count, and what their queries see.
  { file: 'web/calls/softmax_mask.js', find: 'if (sinks > 0 && window === 0) throw', replace: 'if (false) throw', suites: ['simd'] },
  { file: 'web/calls/softmax_mask.js', find: 'if (window - Math.min(0, offset) > held)', replace: 'if (window > held)', suites: ['simd'] },
  { file: 'web/calls/softmax_mask.js', find: 'b, first, length, first, length, offset, 0)', replace: 'b, first, length, 0, first + length, offset, 0)', suites: ['simd'] },
  { file: 'web/calls/softmax_mask.js', find: 'clampOffset(held.offsets[b] + offset)', replace: 'clampOffset(held.offsets[b])', suites: ['simd'] },
  { file: 'web/calls/softmax_mask.js', find: 'keyLengths === null ? end : Math.min(end, keyLengths[b])', replace: 'end', suites: ['simd'] },
  { file: 'web/calls/softmax_mask.js', find: 'held === null ? 0 : held.gaps[b]', replace: '0', suites: ['simd'] },
  { file: 'web/calls/sequences.js', find: 'if (last !== keys) throw', replace: 'if (last > keys) throw', suites: ['simd'] },
  { file: 'web/calls/row_lengths.js', find: 'lengths[b], 0, keys - first[b])', replace: 'lengths[b], 0, keys)', suites: ['simd'] },
  { file: 'web/calls/row_lengths.js', find: 'lengths === null ? keys - first[b]', replace: 'lengths === null ? keys', suites: ['simd'] },
  { file: 'web/calls/bias.js', find: 'heads === 1 ? 0 : queries * keys', replace: 'queries * keys', suites: ['simd'] },
  { file: 'web/calls/softmax_parts.js', find: 'maximum === -Infinity ? sum * 0 : sum * Math.exp', replace: 'sum * Math.exp', suites: ['simd'] },

  // Tokens taken back.
  { file: 'web/calls/history.js', find: '  newer.used = used;\n', replace: '', suites: ['simd'] },
  { file: 'web/calls/history.js', find: 'if (tokens > history.limit || args.n_q !== tokens)', replace: 'if (args.n_q !== tokens)', suites: ['simd'] },
  { file: 'web/calls/history.js', find: 'Math.min(limit, length - older.lengths[b])', replace: 'length - older.lengths[b]', suites: ['simd'] },
  { file: 'web/calls/history.js', find: '      newer.lengths.set(middle);\n', replace: '', suites: ['simd'] },
  { file: 'web/calls/history.js', find: '      copyFloats(core, pointer, kept, blockFloats);\n', replace: '', suites: ['simd', 'allocation'] },

  // Parts merged.
  { file: 'web/calls/merge.js', find: 'length + behind.lengths[b]', replace: 'length', suites: ['simd'] },
  { file: 'web/calls/merge.js', find: '  setLengths(memory, lengths);\n  forget(memory);', replace: '  setLengths(memory, lengths);', suites: ['simd'] },
  { file: 'web/calls/merge.js', find: 'Math.max(exponent, theirs.exponents[h])', replace: 'exponent', suites: ['simd'] },
  { file: 'web/calls/merge.js', find: 'earlier.decays[n] + later.decays[n]', replace: 'later.decays[n]', suites: ['simd'] },

  // Caches.
  { file: 'web/calls/cache.js', find: 'lengths, gaps);\n    this.#lengths.set(lengths);\n    this.#gaps.set(gaps);\n', replace: 'lengths, gaps);\n    this.#lengths.set(lengths);\n', suites: ['simd'] },
  { file: 'web/calls/cache.js', find: 'to - this.window + 1 < first', replace: 'to - this.window + 2 < first', suites: ['simd'] },
  { file: 'web/calls/cache.js', find: '      this.#gaps[to] = gaps[from];\n', replace: '', suites: ['simd'] },
  { file: 'web/calls/cache.js', find: 'Math.min(this.sinks, lengths[b]))', replace: 'this.sinks)', suites: ['simd'], equivalent: 'slots behind the tokens of a row hold anything; nothing reads them' },
  { file: 'web/calls/cache_rows.js', find: 'if (array.row === width) f32', replace: 'if (true) f32', suites: ['simd'] },
];
