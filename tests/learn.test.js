/** The suites of learning on every build that has gradients; tests/run.js starts Node so that it has relaxed SIMD. */
import { readFile } from 'node:fs/promises';
import { createAttention } from '../web/learn.js';
import { packaged } from '../web/learn_packaged.js';
import { runLearnSuites } from './suites/learn.js';
import { createThreaded } from './threaded.js';

const scalar = await readFile(new URL('../web/dist/learn-scalar.wasm', import.meta.url));

runLearnSuites('learn', () => createAttention({ build: 'simd' }));
runLearnSuites('learn-scalar', () => createAttention({ wasm: scalar }));
runLearnSuites('learn-relaxed', () => createAttention({ build: 'relaxed' }));
runLearnSuites('learn-threads, 3 threads', () => createThreaded('simd', 3, packaged));
runLearnSuites('learn-relaxed-threads, 2 threads', () => createThreaded('relaxed', 2, packaged));
