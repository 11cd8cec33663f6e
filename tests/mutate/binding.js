/** Changes of the binding, a line each: see mutants.js. */
export const bindingMutants = [
  // Cancelling and slices.
  { file: 'web/core/slices.js', find: '    exports.la_slice(0, ALL);', replace: '', suites: ['worker', 'simd'] },
  { file: 'web/core/slices.js', find: 'if (!core.broken) for (const { pointer, floats } of kept) core.f32.set(floats, pointer >>> 2);', replace: '', suites: ['worker'] },

  // What is read of the caller's arrays and options.
  { file: 'web/core/operand.js', find: 'if (stride === undefined && offset === undefined) return;', replace: 'if (offset === undefined) return;', suites: ['simd'] },
  { file: 'web/core/operand.js', find: 'if (shape.some((size) => size > MAX_SIZE))', replace: 'if (false)', suites: ['simd'] },
  { file: 'web/core/operand.js', find: 'other.pointer < place.pointer + place.length * 4', replace: 'other.pointer < place.pointer', suites: ['simd'] },
  { file: 'web/core/validate.js', find: '!Number.isFinite(Math.fround(value))', replace: '!Number.isFinite(value)', suites: ['simd'] },
  { file: 'web/core/validate.js', find: 'if (number < 0) throw', replace: 'if (number < -1) throw', suites: ['simd'] },
  { file: 'web/calls/gates.js', find: 'choices.find((choice) => sameShape(shapeOf(choice), operand.shape))', replace: 'choices[0]', suites: ['simd'] },
  { file: 'web/calls/linear.js', find: 'checkBoolean(\'normalize\', o.normalize, state?.normalize ?? !gated)', replace: 'checkBoolean(\'normalize\', o.normalize, state?.normalize ?? true)', suites: ['simd'] },
  { file: 'web/calls/linear.js', find: '    memory?.advance(inputs.k.rows);', replace: '', suites: ['simd'] },
  { file: 'web/calls/linear.js', find: 'const alike = memory === null && !gated', replace: 'const alike = memory === null', suites: ['simd'] },
  { file: 'web/calls/linear.js', find: 'for (const input of given) refuseOverlap(input.name, input, own);', replace: '', suites: ['simd'] },

  // States and caches.
  { file: 'web/calls/state.js', find: 'if (exponentFloats > 0) core.floatsAt(exponents, exponentFloats).fill(-Infinity);', replace: '', suites: ['simd'] },
  { file: 'web/calls/state.js', find: '    copy.#length = this.#length;', replace: '', suites: ['simd'] },
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
