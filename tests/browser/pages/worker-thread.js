import { createAttention } from '/web/index.js';
import { describeError, runScenario } from './scenario.js';

postMessage(await createAttention().then(runScenario).catch(describeError));
