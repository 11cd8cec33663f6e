import { nn } from '/work/wt/core/tests/suites/nn.js';
import { createAttention } from '/work/wt/core/web/index.js';
nn('nn', () => createAttention({ build: 'simd' }));
