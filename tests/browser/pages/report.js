// Makes, in a Worker, the call that the address names, and posts what came of it.
import { callInWorker } from './call.js';
import { describeError } from './scenario.js';

const request = JSON.parse(decodeURIComponent(location.search.slice(1)));
const results = await callInWorker(request).catch(describeError);
await fetch('/outcome', { method: 'POST', body: JSON.stringify(results ?? null) });
