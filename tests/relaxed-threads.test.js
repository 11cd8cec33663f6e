/** Every suite on the relaxed build with three threads that split whatever can be split, however small. */
import { runSuites } from './suites/index.js';
import { createThreaded } from './threaded.js';

runSuites('relaxed', () => createThreaded('relaxed', 3), 3);
