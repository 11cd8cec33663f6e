import { call } from './call.js';

onmessage = async ({ data }) => postMessage(await call(data));
