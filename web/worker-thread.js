/** The script of linear-attention-wasm/worker's Worker. */
import { serve } from './serve.js';

serve();
