import { create } from './create.js';
import { packaged } from './packaged.js';

export { AttentionError } from './errors.js';
export { version } from './version.js';

export function createAttention(options) {
  return create(options, packaged);
}
