// Everything measured runs here, off the page's thread: one short task a message.
import * as Comlink from 'comlink';
import { createAttention } from 'linear-attention-wasm';
import { createDigits } from './digits/load.js';
import { measureHead, measureRank } from './measure/baselines.js';
import { digitBench } from './measure/digits.js';
import { createConvert } from './measure/convert.js';
import { browserEnvironment } from './measure/environment.js';
import { featuresBench } from './measure/features.js';
import { measureGap, measureWeights } from './measure/gap.js';
import { measureHeadlineAnswer, measureHeadlineMemory, measureHeadlineTime } from './measure/headline.js';
import { headInputs, isTrained, probeDigit } from './measure/heads.js';
import { measureKernel } from './measure/kernel.js';
import { describeMaps } from './measure/learned.js';
import { createLearner } from './measure/learner.js';
import { createLessons } from './measure/lessons.js';
import { livingBench } from './measure/living.js';
import { runMachine } from './measure/machine.js';
import { raceBench } from './measure/race.js';
import { rememberLast, sampleInputs } from './measure/random.js';
import { measureAges, measureRecall } from './measure/recall.js';
import { createRemedy } from './measure/remedy.js';
import { streamBench } from './measure/stream.js';
import { timeBench } from './measure/time.js';

const digits = createDigits();
const learner = createLearner(() => import('linear-attention-wasm/learn'));
const lessons = createLessons(digits);
const trainedInputs = headInputs(digits);
const makers = {
  living: livingBench,
  time: timeBench,
  stream: streamBench,
  features: featuresBench,
  digits: (_, options) => digitBench(digits.models, options),
  race: (_, options) => raceBench(digits, options),
  lessons: lessons.bench,
  remedy: createRemedy(digits, learner, lessons.of),
  convert: createConvert(digits, learner, lessons.of),
};
const benches = {};
const lastInputs = rememberLast(sampleInputs);
let attention;

/** Where q, k and v come from. */
async function inputsOf({ source }) {
  if (!isTrained(source)) return lastInputs;
  await digits.download(['softmax']);
  return trainedInputs;
}

const worker = {
  /** Loads the library; returns what it runs on. */
  async start() {
    attention = await createAttention();
    const { version, build, threads } = attention;
    return { version, build, threads, ...browserEnvironment(navigator) };
  },
  headlineTime: () => measureHeadlineTime(attention),
  headlineMemory: () => measureHeadlineMemory(attention),
  headlineAnswer: ({ digit }) => measureHeadlineAnswer(attention, probeDigit(digits, digit)),
  machine: (options) => runMachine(attention, options),
  kernel: async (options) => measureKernel(attention, options, await inputsOf(options)),
  recall: (options) => measureRecall(attention, options),
  ages: (options) => measureAges(attention, options),
  gap: async (options) => measureGap(attention, options, await inputsOf(options)),
  gapHead: async (options) => measureHead(attention, options, await inputsOf(options)),
  rank: async (options) => measureRank(attention, options, await inputsOf(options)),
  weights: async (options) => measureWeights(attention, options, await inputsOf(options)),
  /** Fetches models, each once; `onProgress` gets bytes so far and in all. Nothing is computed: it may run beside a task. */
  download: (names, onProgress) => digits.download(names, onProgress),
  describeMaps: (file) => describeMaps(attention, file),
  /** Makes a bench by its maker's name under an id. */
  openBench(id, name, options) {
    benches[id] = makers[name](attention, options);
  },
  /** Calls a method of an open bench, with its options or with what is told of progress: by a port of its own, which the result must not overtake. */
  async bench(id, method, options) {
    if (typeof options !== 'function') return benches[id][method](options);
    let told;
    const result = await benches[id][method]((one) => (told = options(one)));
    await told;
    return result;
  },
  closeBench(id) {
    benches[id].dispose();
    delete benches[id];
  },
};

Comlink.expose(worker);
