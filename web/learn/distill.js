/** distill: feature maps fitted so that linear attention answers as softmax attention does. */
import { takeDistillOptions } from './distill_options.js';
import { takeExamples } from './examples.js';
import { fit } from './fit.js';
import { learningCore } from './instance.js';
import { turns } from './turns.js';

export async function distill(attention, examples, options) {
  const core = learningCore(attention, 'distill');
  const settings = takeDistillOptions(options);
  const { check, pause } = turns(core, settings.signal);
  check();
  const taken = await takeExamples(core, 'examples', examples, settings, { check, pause });
  const { validation } = settings;
  const judges = validation === undefined ? undefined : (await takeExamples(core, 'validation', validation, settings, { check, pause }, taken.sizes)).examples;
  return fit(core, { ...taken, validation: judges, settings, pause });
}
