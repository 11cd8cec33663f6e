import { outOfMemory } from './arrays.js';
import { AttentionError } from './errors.js';
import { runInSlices } from './slices.js';
import { ARGUMENTS, fieldsIn, writeStruct } from './structs.js';
import { isOwnBuffer, kindOf, lengthOf } from './views.js';

/** Room for the largest argument struct. */
const ARGS_BYTES = 4 * Math.max(...Object.values(ARGUMENTS).map(fieldsIn));
/** Room for what small calls borrow, a token of many heads among them. */
const DESK_BYTES = 2 ** 16;
/** As la_alloc aligns. */
const ALIGNMENT = 64;
const ADDRESSABLE = 2 ** 32;
/** la_status. */
const [OUT_OF_MEMORY, THREAD_FAILED] = [1, 4];
export const INVALID_GATE = 3;
/** By what la_build says. */
export const BUILDS = ['scalar', 'simd', 'relaxed'];

const invalid = () => new AttentionError('internal', 'The C core refused arguments that the binding accepted; please report this');

/** One instance of the module: its exports, views of its linear memory that survive growth, and allocation. */
export class Core {
  /** `pool`: the workers, or null; `obstacle`: why there are none although they were asked for, or null. */
  constructor(exports, pool = null, obstacle = null) {
    this.exports = exports;
    this.pool = pool;
    this.obstacle = obstacle;
    /** The error of every later call once a thread failed. */
    this.broken = null;
    /** How the call under way reports and is cancelled, or null. */
    this.interrupt = null;
    this.buffers = new WeakSet();
    this.disposed = false;
    /** Feature maps by name and dim. */
    this.maps = new Map();
    this.baseline = exports.la_memory_used() >>> 0;
    this.args = this.alloc(ARGS_BYTES);
    /** Memory that frames borrow from first, and how much of it is taken. */
    this.desk = this.alloc(DESK_BYTES);
    this.deskTaken = 0;
    this.baseline += ARGS_BYTES + DESK_BYTES;
    this.isShared = !isOwnBuffer(exports.memory.buffer);
    this.refresh();
  }

  get build() {
    return BUILDS[this.exports.la_build()];
  }

  get used() {
    return (this.exports.la_memory_used() >>> 0) - this.baseline;
  }

  refresh() {
    this.buffer = this.exports.memory.buffer;
    this.buffers.add(this.buffer);
    this.floats = new Float32Array(this.buffer);
    this.ints = new Int32Array(this.buffer);
  }

  /** Growth makes a new buffer and, unless memory is shared, detaches the old one, which is quicker to see. */
  get hasGrown() {
    return this.isShared ? this.buffer !== this.exports.memory.buffer : this.floats.length === 0;
  }

  /** Every access goes through here. */
  get f32() {
    if (this.hasGrown) this.refresh();
    return this.floats;
  }

  get i32() {
    if (this.hasGrown) this.refresh();
    return this.ints;
  }

  floatsAt(pointer, length) {
    return new Float32Array(this.f32.buffer, pointer, length);
  }

  /** Growth of shared memory makes a larger buffer over the same bytes, and the smaller ones stay usable; others are detached by it. */
  owns(buffer) {
    if (this.hasGrown) this.refresh();
    return buffer === this.buffer || (this.isShared && this.buffers.has(buffer));
  }

  check() {
    if (this.disposed) throw new AttentionError('disposed', 'This attention instance was disposed');
    if (this.broken) throw this.broken;
  }

  alloc(bytes) {
    const pointer = bytes < ADDRESSABLE ? this.exports.la_alloc(bytes) >>> 0 : 0;
    if (pointer === 0) throw outOfMemory(bytes, 'WebAssembly');
    return pointer;
  }

  free(pointer) {
    if (!this.disposed) this.exports.la_free(pointer);
  }

  /**
   * Runs a plan: { call, args, struct, sliceable }. `args`: the fields of the call's argument struct by name, which is
   * `struct` or that of the table; `sliceable`: the call takes first and count, so that it can report and be cancelled in
   * between. `causes` makes the errors of statuses that only this call has.
   */
  run(plan, causes) {
    const status = this.interrupt && plan.sliceable ? runInSlices(this, plan, this.interrupt) : this.runItems(plan);
    if (status !== 0) checkStatus(plan.call, status, causes);
  }

  /** Writes the argument struct; returns its address. */
  writeArguments({ call, args, struct = ARGUMENTS[call] }) {
    writeStruct(this, this.args >>> 2, struct, args);
    return this.args;
  }

  runItems(plan) {
    return this.runWritten(plan.call, this.writeArguments(plan));
  }

  /**
   * Makes a call whose argument struct lies at `args`; returns its status. A thread that trapped leaves memory half-written
   * and others inside the call: nothing may run here any more.
   */
  runWritten(call, args) {
    let cause;
    try {
      const status = this.exports[call](args);
      if (status !== THREAD_FAILED) return status;
    } catch (error) {
      if (!this.pool) throw error;
      cause = error;
    }
    this.broken = new AttentionError('thread-failed', `A thread failed in ${call}; this attention instance cannot be used any more`, { cause });
    throw this.broken;
  }

  /** Runs `body` with its sliceable calls reporting to `interrupt`, which may cancel them: { isAborted(), progress(fraction) }. */
  interruptible(interrupt, body) {
    this.interrupt = interrupt;
    try {
      return body();
    } finally {
      this.interrupt = null;
    }
  }

  dispose() {
    this.pool?.stop();
    this.disposed = true;
    this.exports = null;
    this.buffer = this.floats = this.ints = null;
  }
}

/** Throws what an la_status other than LA_OK means. */
export function checkStatus(call, status, causes = {}) {
  if (causes[status]) throw causes[status]();
  if (status === OUT_OF_MEMORY) throw new AttentionError('out-of-memory', `Could not allocate WebAssembly memory for ${call}`);
  if (status !== 0) throw invalid();
}

/** Memory that one call borrows; `release` in a finally block gives all of it back. A frame within another is released before it. */
export class Frame {
  constructor(core) {
    this.core = core;
    this.deskTaken = core.deskTaken;
    /** Of what the desk had no room for. */
    this.pointers = null;
  }

  alloc(bytes) {
    const { core } = this;
    const at = core.deskTaken;
    if (bytes <= DESK_BYTES - at) {
      core.deskTaken = Math.min(DESK_BYTES, Math.ceil((at + bytes) / ALIGNMENT) * ALIGNMENT);
      return core.desk + at;
    }
    const pointer = core.alloc(bytes);
    this.pointers ??= [];
    this.pointers.push(pointer);
    return pointer;
  }

  copyIn(data) {
    const pointer = this.alloc(lengthOf(data) * 4);
    (kindOf(data) === 'Int32Array' ? this.core.i32 : this.core.f32).set(data, pointer >>> 2);
    return pointer;
  }

  release() {
    this.core.deskTaken = this.deskTaken;
    if (this.pointers !== null) for (const pointer of this.pointers) this.core.free(pointer);
    this.pointers = null;
  }
}
