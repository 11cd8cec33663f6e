/** The suites of linear-attention-wasm/learn for one build: `runLearnSuites('learn', () => createAttention())`. */
import { adamSuite } from './adam.js';
import { distillStep } from './distill_step.js';
import { gradientArguments } from './gradient_arguments.js';
import { gradientRange } from './gradient_range.js';
import { gradients } from './gradients.js';

const suites = { gradients, 'gradients out of range': gradientRange, 'arguments of gradients': gradientArguments, adam: adamSuite, 'a step of distilling': distillStep };

export function runLearnSuites(name, make) {
  for (const [title, run] of Object.entries(suites)) run(`${name}: ${title}`, make);
}
