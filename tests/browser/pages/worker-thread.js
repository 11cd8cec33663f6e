import { createAttention } from '/web/index.js';
import { describeError, runScenario } from './scenario.js';

postMessage(await createAttention({ build: 'simd' }).then(runScenario).catch(describeError));
