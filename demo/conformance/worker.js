// Runs the checks off the page's thread, and tells the page of each that is done.
import { minuteNow } from '../measure/environment.js';
import { findBuilds } from './builds.js';
import { runGroup, titles } from './groups.js';

addEventListener('message', async ({ data: { groups, builds, recorded } }) => {
  const found = await findBuilds(builds);
  const chosen = groups ? titles.filter((title) => groups.includes(title)) : titles;
  postMessage({ started: { titles: chosen, builds: found.map(({ id, obstacle }) => ({ id, obstacle })), date: minuteNow() } });
  for (const title of chosen) {
    for (const build of found.filter(({ obstacle }) => !obstacle)) {
      postMessage({ running: { title, build: build.id } });
      const start = performance.now();
      const result = await runGroup(title, build, recorded);
      postMessage({ finished: { title, build: build.id, result, ms: performance.now() - start } });
    }
  }
  postMessage({ done: true });
});
