/** Every suite on two threads that split whatever can be split, however small. */
import { runSuites } from './suites/index.js';
import { createThreaded } from './threaded.js';

runSuites('simd', () => createThreaded('simd', 2), 2);
