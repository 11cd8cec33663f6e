/** `npm run segments` in small on Web Workers, its parts, and what it refuses; by BullMQ there is `npm run segments -- --check`. */
import assert from 'node:assert';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import { boundOf, compare, onePass } from '../demo/segments/check.js';
import { drawer, rules, tensors } from '../demo/segments/draw.js';
import { perform } from '../demo/segments/jobs.js';
import { planJobs, tokenOf } from '../demo/segments/plan.js';
import { faultsOf } from '../demo/segments/run.js';
import { createAttention } from '../web/index.js';
import { joinTime } from './util.js';

const partsOf = (name) => name.split('-').map(Number);

const parts = suite('segments: parts');

parts('the tree adds up all parts, and each part needs all before it, once and in order', () => {
  for (let count = 2; count < 40; count++) {
    const { states, rows } = planJobs({ parts: count });
    assert.equal(states.at(-1).name, `0-${count}`);
    assert.equal(states.length, 2 * count - 1);
    const known = new Set();
    for (const { kind, name, part, needs } of states) {
      const [from, to] = partsOf(name);
      assert.equal(part, from);
      if (kind === 'absorb') assert.deepEqual([to, needs], [from + 1, []]);
      else assert.deepEqual(needs.map(partsOf).flat(), [from, partsOf(needs[0])[1], partsOf(needs[0])[1], to]);
      assert.ok(needs.every((one) => known.has(one)), name);
      known.add(name);
    }
    rows.forEach(({ part, needs }, i) => {
      assert.equal(part, i);
      assert.ok(needs.length <= Math.ceil(Math.log2(count)) && needs.every((one) => known.has(one)));
      assert.equal(needs.map(partsOf).reduce((end, [from, to]) => (assert.equal(from, end), to), 0), part);
    });
  }
});

parts('whoever draws a token draws the same numbers, of variance 1; gates forget slowly', () => {
  for (const rule of Object.keys(rules)) {
    const settings = { heads: 2, dim: 8, tokens: 300, rule, seed: 5 };
    const draw = (from, to) => drawer(settings, to - from)(tensors, from, to);
    const [whole, ...cut] = [draw(0, 300), draw(0, 117), draw(117, 300)];
    assert.deepEqual(Object.keys(whole), tensors.filter((name) => !['decay', 'beta'].includes(name) || rules[rule][name]));
    for (const [name, { data, shape }] of Object.entries(whole)) {
      const wide = cut.map((one) => ({ data: one[name].data, shape: shape.length === 4 ? one[name].shape : [...one[name].shape, 1] }));
      assert.deepEqual(joinTime(wide).data, data, `${rule} ${name}`);
      const mean = data.reduce((sum, x) => sum + x, 0) / data.length;
      const variance = data.reduce((sum, x) => sum + (x - mean) ** 2, 0) / data.length;
      if (name === 'decay') assert.ok(data.every((x) => x <= 0) && Math.abs(mean * 300 + 4) < 0.4);
      else if (name === 'beta') assert.ok(data.every((x) => x >= 0 && x <= 1) && Math.abs(mean - (4 * 8) / 300) < 0.01);
      else assert.ok(Math.abs(variance - (name === 'k' && rules[rule].beta ? 1 / 8 : 1)) < 0.05 && Math.abs(mean) < 0.05, `${rule} ${name}`);
    }
  }
  const first = (seed, tokens) => drawer({ heads: 1, dim: 8, tokens, rule: 'sum', seed }, 1)(['k'], 0, 1).k.data.slice();
  assert.notDeepEqual(first(1, 9), first(2, 9));
  assert.deepEqual(first(1, 9), first(1, 99));
});

for (const rule of Object.keys(rules)) {
  parts(`${rule}: parts come to what one pass is, and a part that is wrong is found`, async () => {
    const settings = { tokens: 1501, heads: 2, dim: 12, rule, parts: 7, seed: 3 };
    const attention = await createAttention();
    const before = attention.memory;
    const plan = planJobs(settings);
    const results = new Map();
    const carryOut = async (jobs) => {
      for (const job of jobs) results.set(job.name, await perform(attention, settings, job, job.needs.map((name) => results.get(name))));
    };
    await carryOut([...plan.states, ...plan.rows]);
    const whole = await onePass(attention, settings);
    const errors = compare(attention, settings, plan, results, whole);
    for (const [name, error] of Object.entries(errors)) assert.ok(error < boundOf(settings), `${name}: ${error}`);

    results.set('0-1', await perform(attention, { ...settings, seed: 4 }, plan.states.find(({ name }) => name === '0-1'), []));
    await carryOut([...plan.states.filter(({ kind, part }) => kind === 'merge' && part === 0), plan.rows.at(-1)]);
    const after = compare(attention, settings, plan, results, whole);
    assert.ok(after['worst part'] > boundOf(settings) && after['last state'] > boundOf(settings), JSON.stringify(after));
    assert.deepEqual(attention.memory, before, 'a job leaves nothing behind');
    attention.dispose();
  });
}

parts('what is wrong with a run is said', () => {
  const settings = { parts: 2, rule: 'sum' };
  const plan = planJobs(settings);
  const right = { errors: { outputs: 1e-7 }, written: ['0-1', '1-2', '0-2', 'rows 0', 'rows 1'], begun: 6, killed: '0-1' };
  const faults = (more, kill = true) => faultsOf({ ...right, ...more }, settings, plan, { kill }).join();
  assert.equal(faults({}), '');
  assert.equal(faults({ begun: 5, killed: null }, false), '');
  assert.match(faults({ errors: { outputs: NaN } }), /error of the outputs is NaN, above 0\.00002/);
  assert.match(faults({ written: right.written.slice(1) }), /of 5 results 4 were written, 4 different/);
  assert.match(faults({ written: [...right.written, '0-1'] }), /of 5 results 6 were written, 5 different/);
  assert.match(faults({ killed: null }), /no worker was killed/);
  assert.match(faults({ begun: 5 }), /was not begun again: 5 of 5/);
});

parts('a part begins where the one before ends', () => {
  const points = Array.from({ length: 8 }, (_, part) => tokenOf({ tokens: 1501, parts: 7 }, part));
  assert.deepEqual([points[0], points[7]], [0, 1501]);
  for (let i = 0; i < 7; i++) assert.ok(points[i + 1] - points[i] >= 214);
});

parts.run();

const cli = suite('npm run segments');
const script = fileURLToPath(new URL('../demo/segments.js', import.meta.url));

/** Runs the command line; resolves to its exit code and output. */
const run = (args, env = process.env) =>
  new Promise((resolve) => {
    execFile(process.execPath, [script, ...args], { timeout: 120_000, env }, (error, stdout, stderr) => resolve({ code: error?.code ?? 0, stdout, stderr }));
  });

cli('on Workers, one of which is killed in the middle: all is right, and each result written once', async () => {
  const args = ['--engine', 'workers', '--tokens', '20011', '--parts', '9', '--heads', '2', '--dim', '16', '--rule', 'gatedDelta', '--workers', '1,2', '--check'];
  const { code, stdout, stderr } = await run([...args, '--json', '-']);
  assert.equal(code, 0, stderr);
  const { settings, runs } = JSON.parse(stdout);
  assert.deepEqual(settings, { tokens: 20011, heads: 2, dim: 16, rule: 'gatedDelta', parts: 9, engine: 'workers', seed: 1 });
  assert.deepEqual(runs.map(({ count }) => count), [1, 2]);
  for (const { errors, written, begun, killed, jobs } of runs) {
    for (const [name, error] of Object.entries(errors)) assert.ok(error < 4e-5, `${name}: ${error}`);
    assert.equal(new Set(written).size, 26);
    assert.deepEqual([written.length, begun], [26, 27]);
    assert.match(killed, /^\d-\d$/);
    assert.deepEqual(Object.entries(jobs).map(([kind, { count }]) => `${kind} ${count}`).sort(), ['absorb 9', 'answer 9', 'merge 8']);
  }
});

cli('prints its table and what it was compared with', async () => {
  const { code, stdout, stderr } = await run(['--engine', 'workers', '--tokens', '4096', '--parts', '4', '--workers', '1,2']);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /\n +workers +tokens\/s +states +outputs +states moved a part\n +1 +[\d,]+ /);
  assert.match(stdout, /\n2 workers are [\d.]+ times as fast as 1\n/);
  assert.match(stdout, /\nrelative error beside one pass: outputs .*, worst part .*, last state .* \(bound 2·10⁻⁵\)\n$/);
});

cli('--help names every option', async () => {
  const { code, stdout } = await run(['--help']);
  assert.equal(code, 0);
  for (const option of ['tokens', 'heads', 'dim', 'rule', 'parts', 'workers', 'engine', 'redis', 'check', 'seed', 'json']) assert.ok(stdout.includes(`--${option}`), option);
});

cli('refuses unknown options and bad values with exit code 2', async () => {
  const wrong = [
    [['--tokens', '1'], /--tokens must be an integer from 2 to 67108864, got "1"/],
    [['--rule', 'softmax'], /--rule must be sum or decay or gla or delta or gatedDelta or kda, got "softmax"/],
    [['--parts', '65', '--tokens', '64'], /--parts must be no more than --tokens, 64, got 65/],
    [['--workers', '1,0'], /--workers must be integers from 1 to 64 with commas between them, got "1,0"/],
    [['--engine', 'kafka'], /--engine must be bullmq or workers, got "kafka"/],
    [['--redis', 'localhost:6379'], /--redis must be a URL such as redis:\/\/127\.0\.0\.1:6379, got "localhost:6379"/],
    [['--redis', 'redis://localhost', '--engine', 'workers'], /--redis needs --engine bullmq/],
    [['--parts', '4096', '--heads', '64', '--dim', '256'], /--parts, --heads and --dim must make states of no more than 4 GiB in all, got about 273 GiB/],
    [['--kill'], /kill/],
  ];
  const results = await Promise.all(wrong.map(([args]) => run(args)));
  results.forEach(({ code, stdout, stderr }, i) => {
    assert.equal(code, 2, wrong[i][0].join(' '));
    assert.equal(stdout, '');
    assert.match(stderr, wrong[i][1]);
  });
});

cli('says what to do where there is no redis-server', async () => {
  const { code, stderr } = await run(['--tokens', '64', '--parts', '2'], { ...process.env, PATH: '/nowhere' });
  assert.equal(code, 1);
  assert.match(stderr, /^redis-server is not on PATH\. Install it .*apt-get install redis-server.*--redis redis:\/\/host:port.*--engine workers$/m);
});

cli.run();
