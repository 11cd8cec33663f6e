/** Changes of the binding, a line each: see mutants.js. */
export const bindingMutants = [
  // Cancelling and slices.
  { file: 'web/core/slices.js', find: 'args: { ...plan.args, first, count }', replace: 'args: { ...plan.args, first }', suites: ['worker', 'simd'] },
  { file: 'web/core/slices.js', find: 'if (status !== 0 || first >= items) return status;', replace: 'if (status !== 0 || first > items) return status;', suites: ['worker'] },

  // What is read of the caller's arrays and options.
  { file: 'web/core/given.js', find: "typeof offset === 'number' && offset !== 0", replace: 'false', suites: ['simd'] },
  { file: 'web/core/operand.js', find: 'if (shape.some((size) => size > MAX_SIZE))', replace: 'if (false)', suites: ['simd'] },
  { file: 'web/core/operand.js', find: 'other.pointer < place.pointer + place.length * 4', replace: 'other.pointer < place.pointer', suites: ['simd'] },
  { file: 'web/core/validate.js', find: '!Number.isFinite(Math.fround(value))', replace: '!Number.isFinite(value)', suites: ['simd'] },
  { file: 'web/core/validate.js', find: 'if (number < 0) throw', replace: 'if (number < -1) throw', suites: ['simd'] },
  { file: 'web/calls/gates.js', find: "size === axes.stateHeads || size === axes.keyHeads || size === 1", replace: 'true', suites: ['simd'] },
  { file: 'web/calls/gates.js', find: 'shape[i], axes)) return false;', replace: 'shape[i], axes)) continue;', suites: ['simd'] },
  { file: 'web/calls/gates.js', find: '        this.heads = shape[i];', replace: '', suites: ['simd'] },
  { file: 'web/calls/gates.js', find: 'Math.min(rows, firstOf(b) + counts[b])', replace: 'rows', suites: ['simd'] },
  { file: 'web/calls/inputs.js', find: 'if (k.heads > v.heads) requireHeads', replace: 'if (false) requireHeads', suites: ['simd'] },
  { file: 'web/calls/linear.js', find: 'checkBoolean(\'normalize\', o.normalize, state?.normalize ?? !gated)', replace: 'checkBoolean(\'normalize\', o.normalize, state?.normalize ?? true)', suites: ['simd'] },
  { file: 'web/calls/linear.js', find: '    if (memory !== null) advance(memory, k.rows, counts);', replace: '', suites: ['simd'] },
  { file: 'web/calls/linear.js', find: 'const alike = memory === null && !located.gated', replace: 'const alike = memory === null', suites: ['simd'] },
  { file: 'web/calls/linear.js', find: 'if (memory !== null) refuseStateOverlap(memory, out, places);', replace: '', suites: ['simd'] },
  { file: 'web/calls/step.js', find: '  refuseStateOverlap(memory, out, places);', replace: '', suites: ['simd'] },
  { file: 'web/calls/step.js', find: '    i32[at + WORDS.k_heads] = key.heads;', replace: '    i32[at + WORDS.k_heads] = heads;', suites: ['simd'] },
  { file: 'web/calls/step.js', find: '  if (gate === null) return;', replace: '  return;', suites: ['simd'] },

  // States and caches.
  { file: 'web/calls/state.js', find: '    copyRows(copy[internal], memory, allRows(memory));', replace: '', suites: ['simd'] },
  { file: 'web/calls/state_memory.js', find: '    placeRow(to, i, from.lengths[rows[i]]);', replace: '', suites: ['simd'] },
  { file: 'web/calls/transition.js', find: '  if (decay !== null) addDecay(memory, decay, args.n_k, rows);', replace: '', suites: ['simd'] },
  { file: 'web/calls/merge.js', find: 'Math.exp(from[h] - to[h])', replace: '1', suites: ['simd'] },
  { file: 'web/calls/history.js', find: '    history.newer = older;\n    begin(memory, older);', replace: '    history.newer = older;', suites: ['simd'] },
  { file: 'web/calls/state_rows.js', find: '    core.free(before.pointer);', replace: '', suites: ['simd'] },
  { file: 'web/calls/positions.js', find: 'counts === null ? tokens : counts[b]', replace: 'tokens', suites: ['simd'] },
  { file: 'web/calls/state.js', find: "refuseStateOverlap(memory, NO_OUT, places);", replace: '', suites: ['simd'] },
  { file: 'web/calls/state.js', find: 'exponent !== 0 && exponent !== -Infinity', replace: 'false', suites: ['simd'] },
  { file: 'web/calls/state_sums.js', find: 'pointer + first * streamFloats * 4', replace: 'pointer', suites: ['simd'] },
  { file: 'web/maps/saved_map.js', find: 'if (equalTo(saved)(map)) return map;', replace: 'return map;', suites: ['simd'] },
  { file: 'web/maps/feature_map.js', find: ' && a.features === b.features', replace: '', suites: ['simd'] },
  { file: 'web/maps/map_weights.js', find: 'sizes.columns !== dim && options.weights === undefined', replace: 'false', suites: ['simd'] },
  { file: 'web/calls/saved_state.js', find: "if (streamFloats === 0) throw corrupt('no state is as large as it says');", replace: '', suites: ['saved_hostile'] },
  { file: 'web/calls/cache.js', find: 'if (held + more > this.maxLength) throw', replace: 'if (held + more > this.maxLength + 1) throw', suites: ['simd'] },
  { file: 'web/calls/cache.js', find: 'place, b, offsets[b]);', replace: 'place, b, 0);', suites: ['simd'] },
  { file: 'web/calls/cache.js', find: 'Math.max(this.sinks, length - (this.window - 1 + slackOf(this.window)))', replace: 'Math.max(this.sinks, length - (this.window - 2))', suites: ['simd'] },
  { file: 'web/calls/softmax.js', find: 'memory.requireRoom(tokens, inputs.k.rows);', replace: 'memory.requireRoom(tokens, 0);', suites: ['simd'] },
  { file: 'web/calls/pieces.js', find: "if (layout !== 'bhtd' ||", replace: 'if (', suites: ['simd'] },
  { file: 'web/calls/pieces.js', find: 'greatestDivisor(greatestDivisor(q.heads, k.heads), v.heads)', replace: 'Math.min(q.heads, k.heads, v.heads)', suites: ['simd'] },

  // Memory and threads.
  { file: 'web/core/core.js', find: 'if (this.hasGrown) this.refresh();\n    return this.floats;', replace: 'return this.floats;', suites: ['simd'] },
  { file: 'web/core/core.js', find: 'for (const pointer of this.pointers) this.core.free(pointer);', replace: '', suites: ['simd'] },
  { file: 'web/core/core.js', find: '    this.core.deskTaken = this.deskTaken;', replace: '', suites: ['simd'] },
  { file: 'web/core/core.js', find: 'bytes < ADDRESSABLE ?', replace: 'bytes <= ADDRESSABLE * 2 ?', suites: ['simd'] },
  { file: 'web/threads/pool.js', find: 'this.#exports.la_threads_alive(this.threads);', replace: '', suites: ['threads_lost'] },
];
