/** Every suite on the build without SIMD, which no package carries: it shows what the vectors must compute. */
import { readFile } from 'node:fs/promises';
import { createAttention } from '../web/index.js';
import { runSuites } from './suites/index.js';

const wasm = await readFile(new URL('../web/dist/scalar.wasm', import.meta.url));

runSuites('scalar', () => createAttention({ wasm }));
