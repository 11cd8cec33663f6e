/** Prints the digests of this engine as JSON: Node, Bun and Deno. */
import { createAttention } from '../../web/index.js';
import { digests } from './digests.js';

console.log(JSON.stringify(digests(await createAttention({ build: 'simd' }))));
