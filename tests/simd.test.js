/** Every suite on the SIMD build, loaded as users load it. */
import { createAttention } from '../web/index.js';
import { runSuites } from './suites/index.js';

runSuites('simd', () => createAttention({ build: 'simd' }));
