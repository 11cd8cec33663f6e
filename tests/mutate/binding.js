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
  { file: 'web/calls/gates.js', find: 'choices.find((choice) => sameShape(shapeOf(choice), shape))', replace: 'choices[0]', suites: ['simd'] },
  { file: 'web/calls/linear.js', find: 'checkBoolean(\'normalize\', o.normalize, state?.normalize ?? !gated)', replace: 'checkBoolean(\'normalize\', o.normalize, state?.normalize ?? true)', suites: ['simd'] },
  { file: 'web/calls/linear.js', find: '    memory?.advance(k.rows, keyLengths);', replace: '', suites: ['simd'] },
  { file: 'web/calls/linear.js', find: 'const alike = memory === null && !gated', replace: 'const alike = memory === null', suites: ['simd'] },
  { file: 'web/calls/linear.js', find: "for (const place of places) if (place !== null) refuseOverlap(place, place.name, [memory], 'state');", replace: '', suites: ['simd'] },

  // States and caches.
  { file: 'web/calls/state.js', find: 'if (isScaled(this.featureMap)) core.floatsAt(exponents, exponentFloats).fill(-Infinity);', replace: '', suites: ['simd'] },
  { file: 'web/calls/state.js', find: '    copy.#lengths.set(this.#lengths);', replace: '', suites: ['simd'] },
  { file: 'web/calls/cache.js', find: 'if (tokens > this.maxLength) throw', replace: 'if (tokens > this.maxLength + 1) throw', suites: ['simd'] },
  { file: 'web/calls/cache.js', find: '+ this.#length) * width;', replace: ') * width;', suites: ['simd'] },
  { file: 'web/calls/softmax.js', find: 'requireRoom(keys);', replace: 'requireRoom(0);', suites: ['simd'] },
  { file: 'web/calls/pieces.js', find: "if (layout !== 'bhtd' ||", replace: 'if (', suites: ['simd'] },

  // Memory and threads.
  { file: 'web/core/core.js', find: 'if (this.buffer !== this.exports.memory.buffer) this.refresh();\n    return this.floats;', replace: 'return this.floats;', suites: ['simd'] },
  { file: 'web/core/core.js', find: 'for (const pointer of this.pointers) this.core.free(pointer);', replace: '', suites: ['simd'] },
  { file: 'web/core/core.js', find: 'bytes < ADDRESSABLE ?', replace: 'bytes <= ADDRESSABLE * 2 ?', suites: ['simd'] },
  { file: 'web/threads/pool.js', find: 'this.#exports.la_threads_alive(this.threads);', replace: '', suites: ['threads'] },
];
