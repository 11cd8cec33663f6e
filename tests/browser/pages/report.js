// Makes the call that the address names, and posts what came of it.
import * as calls from './call.js';
import { describeError } from './scenario.js';

const { where, ...request } = JSON.parse(decodeURIComponent(location.search.slice(1)));
const results = await calls[where](request).catch(describeError);
await fetch('/outcome', { method: 'POST', body: JSON.stringify(results ?? null) });
