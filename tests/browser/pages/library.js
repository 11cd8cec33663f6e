import { createAttention } from '/web/index.js';
import { describeError, runScenario } from './scenario.js';

window.outcome = createAttention().then(runScenario).catch(describeError);
