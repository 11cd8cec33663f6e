import { createAttention } from '/web/inline.js';
import { describeError, runScenario } from './scenario.js';

window.outcome = createAttention({ build: 'simd' }).then(runScenario).catch(describeError);
