import { create } from './create.js';
import { openThread, packaged } from './packaged.js';

export { AttentionError } from './core/errors.js';
export { version } from './core/version.js';

export function createAttention(options) {
  return create(options, packaged, openThread);
}
