// What a measurement ran on: a number without its machine says little.

// The order matters: Edge and Opera also say Chrome, and Chrome also says Safari.
const BROWSERS = [
  ['Edge', /Edg\/([\d.]+)/],
  ['Opera', /OPR\/([\d.]+)/],
  ['Firefox', /Firefox\/([\d.]+)/],
  ['Chrome', /(?:Headless)?Chrome\/([\d.]+)/],
  ['Safari', /Version\/([\d.]+).*Safari/],
];

/** Browser and major version from a user agent. */
export function parseUserAgent(userAgent) {
  for (const [name, pattern] of BROWSERS) {
    const version = pattern.exec(userAgent)?.[1];
    if (version) return `${name} ${version.split('.')[0]}`;
  }
  return 'unknown browser';
}

/** In a page or a worker. */
export function browserEnvironment({ userAgent, platform, hardwareConcurrency }) {
  return { engine: parseUserAgent(userAgent), platform, processors: hardwareConcurrency };
}

/** One line for a caption. */
export function describeEnvironment({ version, build, threads, engine, platform, processors, date }) {
  const count = (n, noun) => `${n} ${noun}${n === 1 ? '' : 's'}`;
  return `version ${version}, ${build} build, ${count(threads, 'thread')}, ${engine} on ${platform} with ${count(processors, 'logical processor')}, ${date}`;
}

/** The present minute, as 2026-01-31 12:00 UTC. */
export const minuteNow = () => `${new Date().toISOString().slice(0, 16).replace('T', ' ')} UTC`;
