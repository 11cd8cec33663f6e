/** The suites of linear-attention-wasm/learn for one build: `runLearnSuites('learn', () => createAttention())`. */
import { adamSuite } from './adam.js';
import { distillStep } from './distill_step.js';
import { gradientArguments } from './gradient_arguments.js';
import { gradientExponents } from './gradient_exponents.js';
import { gradientMapHeads } from './gradient_map_heads.js';
import { gradientRange } from './gradient_range.js';
import { gradientSegments } from './gradient_segments.js';
import { gradientSums } from './gradient_sums.js';
import { gradients } from './gradients.js';

const suites = {
  gradients, 'gradients out of range': gradientRange, 'gradients at exponents': gradientExponents, 'gradients of many tokens': gradientSums, 'gradients by segments': gradientSegments,
  "gradients of a map's heads": gradientMapHeads, 'arguments of gradients': gradientArguments, adam: adamSuite, 'a step of distilling': distillStep,
};

/** Only the build of this name, where tests/mutate asks for it. */
const chosen = process.env.TEST_LEARN;

export function runLearnSuites(name, make) {
  if (chosen && name !== chosen) return;
  for (const [title, run] of Object.entries(suites)) run(`${name}: ${title}`, make);
}
