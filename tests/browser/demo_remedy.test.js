// The remedy of the demo page in real browsers: a head is taught, and ends where it ends in Node.
import assert from 'node:assert';
import { readFile } from 'node:fs/promises';
import { createModel, digitBuild } from '../../demo/digits/model.js';
import { readHeldOut } from '../../demo/learn/held_out.js';
import { createLearner } from '../../demo/measure/learner.js';
import { createRemedy, levels, sweepRemedy } from '../../demo/measure/remedy.js';
import * as learn from '../../web/learn.js';
import { demoSuite, inFigure } from './demo_page.js';
import { browsers } from './driver.js';

const length = 784;
/** What the page learns, in Node. */
async function learnHere(options) {
  const attention = await learn.createAttention(digitBuild);
  const softmax = createModel(attention, await readFile(new URL('../../demo/models/softmax.safetensors', import.meta.url)));
  const bytes = await readFile(new URL('../../demo/models/painted.u8', import.meta.url));
  const painted = Array.from({ length: bytes.length / (length + 1) }, (_, n) => Int32Array.from(bytes.subarray(n * (length + 1), (n + 1) * (length + 1))));
  const bench = createRemedy({ models: { softmax }, painted, heldOut: readHeldOut(length) }, createLearner(async () => learn))(attention, options);
  let last;
  for await (last of sweepRemedy(bench, { ...options, wanted: true }));
  bench.dispose();
  attention.dispose();
  return last;
}
const chosen = { source: 'a trained model', layer: 2, head: '3', map: 'learned exp', features: 32, loss: 'outputs', digits: 10, steps: 50, seed: 0 };

for (const name of browsers) {
  const { test, demo } = demoSuite('remedy of the demo', name);
  const { text, until, phase } = demo;
  const table = () => demo.page.$$eval(inFigure('remedy', '.foot tbody tr'), (list) => list.map((row) => [...row.cells].map((cell) => cell.textContent)));
  const matrix = (kind) => text(inFigure('remedy', `[data-kind=${kind}] .off`));

  test('the levels are there, and nothing is learned before it is asked for', async () => {
    await demo.open('remedy.layer=2&remedy.head=3&remedy.map=learned+exp&remedy.features=32&remedy.steps=50');
    await phase('remedy', 'done');
    assert.deepEqual((await table()).map(([map]) => map), ['mean of V', ...levels]);
    assert.match(await text(inFigure('remedy', '.verdict')), /Press Learn/);
    assert.equal(await matrix('learned'), 'not yet');
  });

  test('learn reaches its error, below every level, as in Node', async () => {
    await demo.click(inFigure('remedy', '.again'));
    await phase('remedy', 'running');
    await phase('remedy', 'done');
    const expected = await learnHere(chosen);
    const rows = await table();
    assert.equal(rows.length, expected.rows.length);
    rows.forEach(([map, , , error], i) => {
      assert.equal(map, expected.rows[i].map);
      assert.ok(Math.abs(Number(error) - expected.rows[i].error) < 3e-3, `${map}: ${error} in the page, ${expected.rows[i].error} here`);
    });
    const errors = rows.filter(([map]) => map === 'learned exp').map(([, , , error]) => Number(error));
    assert.ok(Math.min(...errors) < 0.8 * errors[0], `${errors}`);
    assert.match(await text(inFigure('remedy', '.verdict')), /: below them all\./);
    assert.ok(Number.parseFloat(await matrix('learned')) < Number.parseFloat(await matrix('before')), `${await matrix('before')} before`);
  });

  test('a cancel ends it at once, and the next one begins anew', async () => {
    await demo.page.select('[data-key="remedy.steps"]', '400');
    await phase('remedy', 'running');
    await phase('remedy', 'done');
    await demo.click(inFigure('remedy', '.again'));
    await until(() => /Step \d+ of 400/.test(document.querySelector('#figure-remedy .verdict').textContent));
    await demo.click(inFigure('remedy', '.cancel'));
    await phase('remedy', 'cancelled');
    assert.equal(await matrix('learned'), 'not yet');
    // The worker is free again: another head is measured.
    await demo.page.select('[data-key="remedy.head"]', '1');
    await until(() => /Press Learn/.test(document.querySelector('#figure-remedy .verdict').textContent));
    await phase('remedy', 'done');
  });

  test('all heads learn in turn, and are cancelled between the layers or within one', async () => {
    await demo.click(inFigure('convert', '.again'));
    await until(() => document.querySelectorAll('#figure-convert .foot tbody tr').length === 3);
    await demo.click(inFigure('convert', '.cancel'));
    await phase('convert', 'cancelled');
    const [softmax, elu, first] = await demo.page.$$eval(inFigure('convert', '.foot tbody tr'), (list) => list.map((row) => [...row.cells].map((cell) => cell.textContent)));
    assert.ok(Number(softmax[4]) < Number(elu[4]), `${softmax}, ${elu}`);
    assert.equal(first[1], '1');
    assert.ok(Number(first[3]) < 0.8 * Number(first[2]), `${first}`);
    assert.match(await text(inFigure('convert', '.verdict')), /Bits a pixel on held-out digits: 0\.\d+ with softmax, 1\.\d+ with elu/);
  });

  test('random numbers have no layer to choose', async () => {
    await demo.page.select('[data-key="remedy.source"]', 'random numbers');
    await until(() => document.querySelector('[data-key="remedy.layer"]').offsetParent === null);
    await phase('remedy', 'running');
    await phase('remedy', 'done');
    assert.equal((await table()).length, levels.length + 1);
  });

  test('no error was reported, and no request left this machine', () => demo.watched.assertClean());

  test.run();
}
