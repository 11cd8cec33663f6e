/** absorb(): what linear() does to a state, without its results. */
import { asTheyAre, optionTakers, takeKeyLengths, takeNumbers, takeOptions, takeTensor } from '../core/given.js';
import { memoryOf } from '../core/resident.js';
import { attend } from './linear.js';
import { State } from './state.js';

const OPTIONS = optionTakers({
  ...asTheyAre('state'), decay: takeNumbers, beta: takeNumbers, ...asTheyAre('allowGrowth'),
  keyLengths: takeKeyLengths, lengths: takeKeyLengths, starts: takeKeyLengths, ...asTheyAre('layout'),
});

/** Returns the state. */
export function absorb(core, k, v, options) {
  const o = takeOptions('absorb', options, OPTIONS);
  const [keys, values] = [takeTensor('k', k), takeTensor('v', v)];
  core.check();
  memoryOf(core, 'state', o.state, State, 'a State');
  // No token is asked: the keys stand for the queries wherever sizes are compared.
  return attend(core, { q: keys, k: keys, v: values }, { ...o, causal: true }, false, true);
}
