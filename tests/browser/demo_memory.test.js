// The kernel and the memory of the demo page in real browsers: both show what the library gives in Node.
import assert from 'node:assert';
import { measureRecall, memories, pairCounts } from '../../demo/measure/recall.js';
import { sampleInputs } from '../../demo/measure/random.js';
import { pairedTokens } from '../../demo/measure/kernel.js';
import { createAttention } from '../../web/index.js';
import { demoSuite, inFigure } from './demo_page.js';
import { browsers } from './driver.js';

for (const name of browsers) {
  const { test, demo } = demoSuite('kernel and memory of the demo', name);
  const { data, text, rows, until, phase } = demo;
  const table = (figure) => demo.page.$$eval(inFigure(figure, '.foot tbody tr'), (list) => list.map((row) => [...row.cells].map((cell) => cell.textContent)));

  test('the kernel fills, and its weights are as far off as attention.gap says', async () => {
    await phase('kernel', 'done');
    assert.equal(await rows('kernel'), pairedTokens ** 2 / 12);
    const attention = await createAttention();
    for (const map of ['elu', 'taylor']) {
      if (map !== 'elu') await demo.page.select('[data-key="kernel.map"]', map);
      const { q, k, v } = sampleInputs({ seed: 1, heads: 1, length: pairedTokens, dim: 16, norm: 1 });
      const expected = attention.gap(q, k, v, { featureMap: map }).weightError;
      await until((wanted) => Math.abs(Number(document.getElementById('figure-kernel').dataset.weightError) - wanted) < 1e-4, expected);
    }
    attention.dispose();
    assert.match(await text(inFigure('kernel', '.verdict')), /counts [\d.]+ in softmax and [\d.]+ with taylor/);
    assert.equal(await demo.page.$eval('[data-key="kernel.features"]', (select) => select.offsetParent), null);
  });

  test('signed maps say how many pairs have no place, and a trained head can be chosen', async () => {
    await demo.open('kernel.map=rff&kernel.source=a+trained+model&kernel.layer=2&kernel.head=3');
    await phase('kernel', 'done');
    assert.match(await text(inFigure('kernel', '.verdict')), /\d+ pairs count nothing or less/);
    assert.equal(await demo.page.$eval('[data-key="kernel.dim"]', (select) => select.offsetParent), null);
    assert.equal(await rows('kernel'), pairedTokens ** 2 / 12);
  });

  test('the memory fills, and recalls what it recalls in Node', async () => {
    await demo.open(`memory.dim=32&memory.memories=${memories}`);
    await phase('memory', 'done');
    const shown = await table('memory');
    assert.equal(shown.length, memories.length * (pairCounts.length + 8));
    const attention = await createAttention();
    for (const memory of memories) {
      const { recalled } = measureRecall(attention, { memory, dim: 32, features: 256, overwritten: 0, decay: 0.98, seed: 1, pairs: 64 });
      const [, , , , share] = shown.find((row) => row[0] === memory && row[2] === '64' && row[3] === 'all');
      // A tie is decided by the last bit, which browsers and builds may have otherwise.
      assert.ok(Math.abs(Number.parseFloat(share) / 100 - recalled) < 0.04, `${memory}: ${share} in the page, ${recalled} here`);
    }
    attention.dispose();
    assert.match(await text(inFigure('memory', '.verdict')), /softmax 100 %/);
  });

  test('the error is shown of the same measurement', async () => {
    await demo.page.select('[data-key="memory.show"]', 'error');
    await until(() => document.querySelector('#figure-memory .plot .axis-title').textContent.startsWith('error'));
    assert.equal((await data('#figure-memory')).state, 'done');
    assert.match(await demo.page.$eval(inFigure('memory', '.plot .stage'), (stage) => stage.getAttribute('aria-label')), /^error of what is read back.*softmax/);
  });

  test('no error was reported, and no request left this machine', () => demo.watched.assertClean());

  test.run();
}
