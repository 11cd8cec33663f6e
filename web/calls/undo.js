/** What a call changes in resident objects, kept so that a cancelled call can be taken back. */
import { Cache } from './cache.js';
import { State } from './state.js';
import { holdHistory } from './history.js';
import { setLengths } from './positions.js';
import { allocateRows } from './state_memory.js';
import { holdTransition } from './transition.js';
import { copyOf, newFloats } from '../core/arrays.js';
import { internal, isResident } from '../core/resident.js';
import { Tensor } from '../core/tensor.js';

/** Slots behind a row's last token count for nothing, so that a call that only appends changes no more than numbers. */
function rememberRows(cache) {
  const { lengths, gaps, setRows } = cache[internal];
  const before = [copyOf(lengths), copyOf(gaps)];
  return () => setRows(...before);
}

function rememberCache(cache) {
  const putBack = rememberFloats(cache[internal], cache[internal].length);
  const putRowsBack = rememberRows(cache);
  return () => {
    putBack();
    putRowsBack();
  };
}

function rememberFloats(memory, length) {
  const { core, pointer } = memory;
  const floats = newFloats(length);
  floats.set(core.floatsAt(pointer, length));
  return () => core.f32.set(floats, memory.pointer >>> 2);
}

/** select() gives a state another memory, in whose place it then gets one of the old size. */
function rememberState(state) {
  const memory = state[internal];
  const { batch, blockFloats } = memory;
  const putBack = rememberFloats(memory, blockFloats);
  const lengths = copyOf(memory.lengths);
  const putHistoryBack = holdHistory(memory);
  const putTransitionBack = holdTransition(state, memory);
  return () => {
    if (memory.batch !== batch) {
      memory.core.free(memory.pointer);
      allocateRows(state, memory, batch);
    }
    putBack();
    setLengths(memory, lengths);
    putHistoryBack();
    putTransitionBack();
  };
}

/** Other objects bring a way of their own. */
function rememberOne(object, isAppended) {
  const { remember } = object[internal];
  if (remember) return remember();
  if (object instanceof Cache) return isAppended && object.window === null ? rememberRows(object) : rememberCache(object);
  return object instanceof State ? rememberState(object) : rememberFloats(object[internal], object[internal].length);
}

const isWritable = (one) => isResident(one, Object) && one[internal].pointer !== 0 && ([Cache, State, Tensor].some((Kind) => isResident(one, Kind)) || one[internal].remember !== undefined);

/** A function that undoes what a method of `object` may do to it and to its options state, cache and out; call it before anything else is called. */
export function remember(object, args) {
  const { state, cache, out } = args.at(-1) ?? {};
  const undo = [object, state, cache, out].filter(isWritable).map((one) => rememberOne(one, one === cache));
  return () => {
    for (const putBack of undo) putBack();
  };
}
