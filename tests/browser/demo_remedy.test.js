// The remedy of the demo page in real browsers: a head is taught, and ends where it ends in Node.
import assert from 'node:assert';
import { readFile } from 'node:fs/promises';
import { createModel, digitBuild } from '../../demo/digits/model.js';
import { readHeldOut } from '../../demo/learn/held_out.js';
import { createLearner } from '../../demo/measure/learner.js';
import { factorOf, pairsOf } from '../../demo/measure/pairs.js';
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
  const { data, text, until, phase } = demo;
  const table = () => demo.page.$$eval(inFigure('remedy', '.foot tbody tr'), (list) => list.map((row) => [...row.cells].map((cell) => cell.textContent)));
  const matrix = (kind) => text(inFigure('remedy', `[data-kind=${kind}] .off`));

  test('the levels are there, and nothing is learned before it is asked for', async () => {
    await demo.open('remedy.layer=2&remedy.head=3&remedy.map=learned+exp&remedy.features=32&remedy.steps=50');
    await phase('remedy', 'done');
    assert.deepEqual((await table()).map(([map]) => map), ['mean of V', ...levels]);
    assert.match(await text(inFigure('remedy', '.verdict')), /Press Learn/);
    assert.equal(await matrix('learned'), 'not yet');
  });

  test('learn reaches its error, below every level, as in Node, and shows its weights meanwhile', async () => {
    await demo.page.evaluate(() => {
      const off = document.querySelector('#figure-remedy [data-kind=learned] .off');
      globalThis.turned = [];
      new MutationObserver(() => globalThis.turned.push(off.textContent)).observe(off, { childList: true });
    });
    await demo.rerun('remedy', () => demo.click(inFigure('remedy', '.again')));
    const turned = new Set(await demo.page.evaluate(() => globalThis.turned.filter((text) => text.startsWith('step '))));
    assert.equal(turned.size, 6, `${[...turned]}`);
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
    const [, now, before] = /a pair counts ([\d.]+) × too much or too little; at first it was ([\d.]+) ×/.exec(await text(inFigure('remedy', '.verdict')));
    const factor = (kind) => factorOf(pairsOf(expected.scores, expected[kind], { causal: true }));
    assert.ok(Math.abs(now - factor('learned')) < 0.02 && Math.abs(before - factor('before')) < 0.02, `${now}, ${before}`);
    assert.ok(Number(now) < 0.8 * before, `${now} × after, ${before} × before`);
    assert.ok(Number.parseFloat(await matrix('learned')) < Number.parseFloat(await matrix('before')), `${await matrix('before')} before`);
  });

  test('the map is saved; a wrong file is refused in words; what was saved is loaded again', async () => {
    const choose = (figure, name, bytes) =>
      demo.page.evaluate((selector, file, list) => {
        const input = document.querySelector(selector);
        const chosen = new DataTransfer();
        chosen.items.add(new File([Uint8Array.from(list)], file));
        input.files = chosen.files;
        input.dispatchEvent(new Event('change'));
      }, inFigure(figure, 'input[type=file]'), name, bytes);
    const learned = (await table()).filter(([map]) => map === 'learned exp').map(([, , , error]) => Number(error));
    const before = await text(inFigure('remedy', '.verdict'));
    await choose('remedy', 'notes.txt', [110, 111, 32, 109, 97, 112, 115, 10, 10, 10]);
    await until(() => document.querySelector('#figure-remedy .refusal').textContent !== '');
    assert.match(await text(inFigure('remedy', '.refusal')), /^notes\.txt cannot be used: .*safetensors.*\.$/);
    assert.deepEqual([await text(inFigure('remedy', '.verdict')), (await data('#figure-remedy')).state], [before, 'done']);

    const [saved, bytes] = await demo.page.evaluate(async () => {
      const { click } = HTMLAnchorElement.prototype;
      const link = await new Promise((resolve) => {
        HTMLAnchorElement.prototype.click = function () {
          resolve(this);
        };
        document.querySelector('#figure-remedy .save-maps').click();
      });
      HTMLAnchorElement.prototype.click = click;
      return [link.download, [...new Uint8Array(await (await fetch(link.href)).arrayBuffer())]];
    });
    assert.equal(saved, 'map.safetensors');
    await choose('remedy', saved, bytes);
    await until(() => document.querySelector('#figure-remedy .verdict').textContent.includes('map.safetensors has learned exp of 32 features'));
    await phase('remedy', 'done');
    const rows = await table();
    assert.equal(rows.length, levels.length + 2);
    assert.ok(Math.abs(Number(rows.at(-1)[3]) - Math.min(...learned)) < 2e-3, `${rows.at(-1)} loaded, ${learned} learned`);
    assert.equal(await text(inFigure('remedy', '.refusal')), '');
    // The map of one head is not of all heads.
    await choose('convert', saved, bytes);
    await until(() => /map of one head/.test(document.querySelector('#figure-convert .refusal').textContent));
  });

  test('a cancel ends it at once, and the next one begins anew', async () => {
    await demo.rerun('remedy', () => demo.page.select('[data-key="remedy.steps"]', '400'));
    await demo.click(inFigure('remedy', '.again'));
    await until(() => /Step \d+ of 400/.test(document.querySelector('#figure-remedy .verdict').textContent));
    await demo.click(inFigure('remedy', '.cancel'));
    await phase('remedy', 'cancelled');
    assert.match(await matrix('learned'), /^step \d+: [\d.]+ % off$/);
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

  test('new lessons are painted from a seed that the address keeps, and a cancel leaves what was painted', async () => {
    const painted = () => demo.page.$eval(inFigure('remedy', '.lessons canvas'), (canvas) => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.filter((_, i) => i % 4 === 3).filter((alpha) => alpha === 255).length);
    assert.equal(await painted(), 10 * length);
    await demo.click(inFigure('remedy', '.lessons button'));
    await until(() => /paints the lessons/.test(document.querySelector('#figure-remedy .status').textContent));
    assert.match(new URL(demo.page.url()).search, /remedy\.painting=\d+/);
    await demo.click(inFigure('remedy', '.cancel'));
    await phase('remedy', 'cancelled');
    const some = await painted();
    assert.ok(some > 0 && some < 10 * length, `${some} pixels`);
    assert.equal((await data(inFigure('remedy', '.lessons'))).painted, '0');
    // Learning paints what is missing first.
    await demo.click(inFigure('remedy', '.again'));
    await until(() => document.querySelector('#figure-remedy .lessons').dataset.painted === '10');
    await until(() => /Step \d+ of 400/.test(document.querySelector('#figure-remedy .verdict').textContent));
    await demo.click(inFigure('remedy', '.cancel'));
    await phase('remedy', 'cancelled');
  });

  test('random numbers have no layer to choose', async () => {
    await demo.rerun('remedy', () => demo.page.select('[data-key="remedy.steps"]', '50'));
    await demo.rerun('remedy', () => demo.page.select('[data-key="remedy.source"]', 'random numbers'));
    await until(() => document.querySelector('[data-key="remedy.layer"]').offsetParent === null);
    assert.equal((await table()).length, levels.length + 1);
    assert.equal(await demo.page.$eval(inFigure('remedy', '.lessons'), (element) => element.offsetParent), null);
    await demo.rerun('remedy', () => demo.click(inFigure('remedy', '.again')));
    assert.match(await text(inFigure('remedy', '.verdict')), /: not below them all\..*nothing to learn but the kernel itself, and taylor has more of that\./s);
  });

  test('no error was reported, and no request left this machine', () => demo.watched.assertClean());

  test.run();
}
