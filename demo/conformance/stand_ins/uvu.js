// What the suites use of uvu: they are collected here, for the page to run; vite.config.js puts it in that one's place.

const collected = [];

/** A suite with the interface of uvu's. */
export function suite(name) {
  const tests = [];
  const hooks = { before: [], after: [] };
  const add = (title, body) => tests.push({ title, body });
  add.before = (hook) => hooks.before.push(hook);
  add.after = (hook) => hooks.after.push(hook);
  add.run = () => collected.push({ name, tests, hooks });
  return add;
}

/** The suites that have come since the last call. */
export const takeSuites = () => collected.splice(0);
