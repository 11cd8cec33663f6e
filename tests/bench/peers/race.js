/** `npm run bench:peers`: races every library over the same cases, one turn each a round, and prints who stands where. */
import { readFile, writeFile } from 'node:fs/promises';
import os from 'node:os';
import { parseArgs } from 'node:util';
import { caseOf, expectedOf, inputsOf, kinds, titleOf } from './cases.js';
import { loadHosts, peers } from './hosts/index.js';
import { report } from './table.js';
import { browserVenue, nodeVenue } from './venues.js';

const HELP = `Usage: npm run bench:peers -- [options]

  --cases A,B      of ${Object.keys(kinds).join(', ')}, start-up (all)
  --lengths N,M    tokens of the whole sequences (each case's own: 1024 and, when linear, 8192)
  --cached N       tokens in the cache of the softmax token (8192)
  --peers A,B      of ${peers.join(', ')} (all)
  --heads N        (8)
  --dim N          (64)
  --threads N      the same for all; libraries that cannot are left out (1)
  --rounds N       interleaved rounds, of which the fastest counts (7)
  --browser NAME   chromium or firefox instead of Node; both: chromium,firefox
  --json FILE      write the figures to a file as well
`;

const START_UPS = 5;
const SAMPLE_MS = 40;

class UsageError extends Error {}

function readOptions() {
  const text = (value) => ({ type: 'string', default: value });
  const options = { cases: text([...Object.keys(kinds), 'start-up'].join()), lengths: text(''), cached: text('8192'), peers: text(peers.join()), heads: text('8'), dim: text('64'), threads: text('1'), rounds: text('7'), browser: text(''), json: { type: 'string' }, help: { type: 'boolean', default: false } };
  let values;
  try {
    ({ values } = parseArgs({ options }));
  } catch (error) {
    throw new UsageError(error.message);
  }
  const among = (name, known) => {
    const list = values[name].split(',').filter(Boolean);
    const unknown = list.find((word) => !known.includes(word));
    if (unknown !== undefined) throw new UsageError(`--${name}: '${unknown}' is not one of ${known.join(', ')}`);
    return list;
  };
  const integer = (name, value = values[name]) => {
    if (!/^[1-9]\d*$/.test(value)) throw new UsageError(`--${name} must be an integer of at least 1, got '${value}'`);
    return Number(value);
  };
  const numbers = Object.fromEntries(['cached', 'heads', 'dim', 'threads', 'rounds'].map((name) => [name, integer(name)]));
  const lengths = values.lengths.split(',').filter(Boolean).map((value) => integer('lengths', value));
  return { ...values, ...numbers, lengths, cases: among('cases', [...Object.keys(kinds), 'start-up']), peers: among('peers', peers), browser: among('browser', ['chromium', 'firefox']) };
}

async function versionOf(name) {
  if (name === null) return null;
  const path = name === 'linear-attention-wasm' ? '../../../package.json' : `node_modules/${name}/package.json`;
  return JSON.parse(await readFile(new URL(path, import.meta.url), 'utf8')).version;
}

/** Why a host cannot be in this race, or null. */
function obstacle(host, { threads }, { inPage }) {
  if (inPage && host.nodeOnly) return 'runs in Node only';
  const counts = host.threadsIn?.({ inPage, processors: os.availableParallelism() }) ?? [threads];
  return counts.includes(threads) ? null : `runs on ${counts.join(' or ')} threads here`;
}

/** { contestants, absent }: those that could be opened, each in its place of the venue. */
async function enterAll(venue, options) {
  const contestants = [];
  const absent = [];
  for (const peer of options.peers) {
    for (const [index, host] of (await loadHosts(peer)).entries()) {
      const { name, group, build, keeping, expresses } = host;
      let reason = obstacle(host, options, venue);
      if (reason === null) {
        const place = await venue.enter();
        const spec = { peer, index, threads: options.threads };
        try {
          await place.call('open', spec);
          contestants.push({ name, group, build, keeping, expresses, package: host.package, version: await versionOf(host.package), spec, place });
          continue;
        } catch (error) {
          reason = firstLine(error);
          await place.leave();
        }
      }
      absent.push({ name, reason });
    }
  }
  return { contestants, absent };
}

const firstLine = (error) => error.message.split('\n')[0].slice(0, 160);

async function raceCase(one, contestants, rounds) {
  const expected = expectedOf(one, inputsOf(one));
  const entries = [];
  for (const { name, group, build, keeping, place } of contestants) {
    const entry = { name, group, build, keeping, times: [] };
    entries.push(entry);
    try {
      const { way, refused } = await place.call('prepare', one, expected);
      if (way) Object.assign(entry, { way, place });
      else entry.reason = Object.entries(refused).map(([tried, reason]) => `${tried}: ${reason}`).join('; ');
    } catch (error) {
      entry.reason = firstLine(error);
    }
  }
  const racing = entries.filter(({ place }) => place);
  for (let round = 0; round < rounds; round++) for (const { place, times } of racing) times.push(await place.call('time', { sampleMs: SAMPLE_MS }));
  for (const { place } of racing) await place.call('drop');
  return {
    ...one,
    title: titleOf(one),
    entries: entries.map(({ place, times, ...entry }) => ({ ...entry, ...(times.length > 0 && { ms: Math.min(...times), slowest: Math.max(...times) }) })),
  };
}

/** From the import to the first result, each time in a fresh place; resident tensors change nothing there. */
async function raceStartUp(venue, contestants, { heads, dim }) {
  const one = caseOf('linear-full', 64, { heads, dim });
  const racing = contestants.filter(({ keeping }) => keeping !== 'resident');
  const entries = racing.map(({ name, group, build, keeping }) => ({ name, group, build, keeping, times: [] }));
  for (let round = 0; round < START_UPS; round++) {
    for (const [i, { spec }] of racing.entries()) {
      const place = await venue.enter();
      entries[i].times.push(await place.call('startUp', { ...spec, bundled: venue.inPage }, one));
      await place.leave();
    }
  }
  return { id: 'start-up', title: 'import to first result', entries: entries.map(({ times, ...entry }) => ({ ...entry, ms: Math.min(...times) })) };
}

function casesOf({ cases, lengths, cached, heads, dim }) {
  return cases
    .filter((id) => id !== 'start-up')
    .flatMap((id) => {
      const own = id === 'softmax-token' ? [cached] : kinds[id].token || lengths.length === 0 ? kinds[id].lengths : lengths;
      return own.map((length) => caseOf(id, length, { heads, dim }));
    });
}

async function race(venue, options) {
  const { contestants, absent } = await enterAll(venue, options);
  const rows = [];
  try {
    for (const one of casesOf(options)) {
      process.stderr.write(`${titleOf(one)} ...\n`);
      rows.push(await raceCase(one, contestants, options.rounds));
    }
  } finally {
    for (const { place } of contestants) await place.leave();
  }
  if (options.cases.includes('start-up')) rows.push(await raceStartUp(venue, contestants, options));
  const { threads, heads, dim, rounds } = options;
  const machine = `${os.cpus()[0].model.trim()}, ${os.platform()} ${os.arch()}`;
  return { engine: venue.engine, machine, date: new Date().toISOString(), threads, heads, dim, rounds, contestants: contestants.map(({ place, spec, ...one }) => one), absent, rows };
}

async function main() {
  const options = readOptions();
  if (options.help) return process.stdout.write(HELP);
  const races = [];
  for (const browser of options.browser.length > 0 ? options.browser : [null]) {
    const venue = browser ? await browserVenue(browser, options) : nodeVenue();
    try {
      races.push(await race(venue, options));
    } finally {
      await venue.close();
    }
    console.log(`${report(races.at(-1))}\n`);
  }
  if (options.json) await writeFile(options.json, `${JSON.stringify({ bench: 'peers', races }, null, 2)}\n`);
}

try {
  await main();
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`${error.message}\n${HELP}`);
  process.exitCode = 2;
}
