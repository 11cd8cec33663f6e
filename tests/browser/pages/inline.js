import { createAttention } from '/web/inline.js';
import { describeError, runScenario } from './scenario.js';

window.outcome = createAttention().then(runScenario).catch(describeError);
