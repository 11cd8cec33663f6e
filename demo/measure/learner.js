// The instance of the library that learns: made when it is first asked for, so that a page that is only read does not load it.
import { digitBuild } from '../digits/model.js';

/**
 * @param {() => Promise<object>} load the module linear-attention-wasm/learn
 * @returns {() => Promise<{ distill: Function, learn: object }>} the same ones each time; what failed to load may be tried again
 */
export function createLearner(load) {
  let learning;
  const make = async () => {
    const { createAttention, distill } = await load();
    return { distill, learn: await createAttention(digitBuild) };
  };
  return () =>
    (learning ??= make().catch((error) => {
      learning = undefined;
      throw error;
    }));
}
