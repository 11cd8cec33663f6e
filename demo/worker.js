// Everything measured runs here, off the page's thread: one short task a message.
import * as Comlink from 'comlink';
import { createAttention } from 'linear-attention-wasm';
import { loadDigits } from './digits/load.js';
import { digitBench } from './measure/digits.js';
import { raceBench } from './measure/race.js';
import { browserEnvironment } from './measure/environment.js';
import { featuresBench } from './measure/features.js';
import { measureGap, measureWeights } from './measure/gap.js';
import { headInputs, isTrained } from './measure/heads.js';
import { streamBench } from './measure/stream.js';
import { timeBench } from './measure/time.js';

const makers = {
  time: timeBench,
  stream: streamBench,
  features: featuresBench,
  digits: (_, options) => digitBench(digits.models, options),
  race: (_, options) => raceBench(digits, options),
};
const benches = {};
let attention;
let digits; // models and examples, once loaded
let heads; // inputs from the models

const needDigits = async (onProgress = () => {}) => (digits ??= await loadDigits(onProgress));

/** Where q, k and v come from, when not from the generator. */
async function inputsOf({ source }) {
  return isTrained(source) ? (heads ??= headInputs(await needDigits())) : undefined;
}

const worker = {
  /** Loads the library; returns what it runs on. */
  async start() {
    attention = await createAttention();
    const { version, build, threads } = attention;
    return { version, build, threads, ...browserEnvironment(navigator) };
  },
  gap: async (options) => measureGap(attention, options, await inputsOf(options)),
  weights: async (options) => measureWeights(attention, options, await inputsOf(options)),
  /** Loads the digit models, once; `onProgress` gets bytes so far and in all. Returns their sizes. */
  async loadDigits(onProgress) {
    return (await needDigits(onProgress)).models.linear.sizes;
  },
  /** Makes a bench by its maker's name under an id. */
  openBench(id, name, options) {
    benches[id] = makers[name](attention, options);
  },
  /** Calls a method of an open bench. */
  bench: (id, method, options) => benches[id][method](options),
  closeBench(id) {
    benches[id].dispose();
    delete benches[id];
  },
};

Comlink.expose(worker);
