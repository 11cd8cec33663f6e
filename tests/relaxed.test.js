/** Every suite on the relaxed build; tests/run.js starts Node so that it has relaxed SIMD. */
import { createAttention } from '../web/index.js';
import { runSuites } from './suites/index.js';

runSuites('relaxed', () => createAttention({ build: 'relaxed' }));
