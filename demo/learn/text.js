// What `npm run learn` found, as tables.
import { table } from '../command.js';
import { mean } from './errors.js';

const three = (value) => (Number.isFinite(value) ? value.toFixed(3) : '∞');

/** One row a layer and one of all, a column a map; `of` picks what is shown. */
function layerTable(title, errors, chosen, of) {
  const names = Object.keys(errors);
  const row = (name, includes) => [name, ...names.map((map) => three(mean(of(errors[map]).filter((_, n) => includes(chosen[n])))))];
  const layers = [...new Set(chosen.map(({ layer }) => layer))];
  return `${title}\n${table(['layer', ...names], [...layers.map((layer) => row(String(layer + 1), (one) => one.layer === layer)), row('all', () => true)], { named: true })}`;
}

export function reportText({ errors, bits, chosen, seconds }, { images, steps, batch }) {
  const bitsRow = Object.values(bits).map(three);
  return `
${layerTable('Held-out relative error ‖L − S‖/‖S‖, mean over heads (before: where learning began)', errors, chosen, ({ error }) => error)}

${layerTable('Divergence of weights, KL(softmax ‖ linear) in nats', errors, chosen, ({ kl }) => kl)}

Bits a pixel of the whole model on ${images} held-out digits, its attention replaced by each
${table(Object.keys(bits), [bitsRow])}

${chosen.length} heads, ${steps} steps of ${batch} digits in ${seconds.learning.toFixed(1)} s of learning`;
}
