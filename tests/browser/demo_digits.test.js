// The digits of the demo page in real browsers.
import assert from 'node:assert';
import { readFile } from 'node:fs/promises';
import { createModel, digitBuild } from '../../demo/digits/model.js';
import { createPainter } from '../../demo/digits/painter.js';
import { createAttention } from '../../web/index.js';
import { demoSuite, inFigure } from './demo_page.js';
import { browsers } from './driver.js';

for (const name of browsers) {
  const { test, demo } = demoSuite('digits of the demo', name);
  const { text, until, phase, click } = demo;

  /** Opens the page at the digits, which load their models when they come into view. */
  const openDigits = async (settings, url) => {
    await demo.open(settings, url);
    await demo.page.$eval('#figure-digits .lanes', (element) => element.scrollIntoView());
  };
  const painted = (column) => until((selector) => document.querySelector(selector).dataset.position === '784', `[data-column=${column}]`);
  /** Grey levels of the canvas of a column that painted one digit. */
  const levels = (column) =>
    demo.page.$eval(`[data-column=${column}] canvas`, (canvas) => {
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      return Array.from({ length: data.length / 4 }, (_, i) => data[4 * i]);
    });

  test('both models paint, pixel by pixel, the digits that they paint in Node', async () => {
    await openDigits('digits.digit=3&digits.seed=11&digits.temperature=0.9');
    for (const column of ['linear', 'cached']) await painted(column);
    await until(() => document.querySelector('#figure-digits .measured').textContent !== '');
    assert.match(await text('#figure-digits .measured'), /simd build, 1 thread,/);
    const attention = await createAttention(digitBuild);
    for (const [column, kind, memory] of [
      ['linear', 'linear', 'state'],
      ['cached', 'softmax', 'cache'],
    ]) {
      const model = createModel(attention, await readFile(new URL(`../../demo/models/${kind}.safetensors`, import.meta.url)));
      const painter = createPainter(model, { memory, classes: [3], seed: 11, temperature: 0.9 });
      painter.paint(784);
      assert.deepEqual(await levels(column), [...painter.images[0]], column);
    }
    attention.dispose();
  });

  test('the digits are timed in three ways, and the table fills; their data can be cancelled', async () => {
    await until(() => document.querySelectorAll('#figure-digits .foot tbody tr').length >= 27);
    const cells = await demo.page.$$eval('#figure-digits .rates tbody tr:first-child td', (list) => list.map((cell) => Number(cell.textContent)));
    assert.ok(Math.min(cells[0], cells[1]) > 5 * cells[2] && cells[2] > 0, `images a second: ${cells}`);
    await click(inFigure('digits', '.cancel'));
    await phase('digits', 'cancelled', 'done');
    assert.equal(await demo.page.$eval(inFigure('digits', '.csv'), (button) => button.disabled), false);
  });

  test('half a digit of the visitor’s is left as it is, and finished', async () => {
    await openDigits('digits.digit=7&digits.begin=half+a+digit+of+yours');
    await phase('digits', 'waiting');
    assert.match(await text('#figure-digits .status'), /Draw the top half/);
    assert.equal(await demo.page.$eval('.sketch .finish', (button) => button.disabled), true);
    const pad = await demo.page.$('.sketch canvas');
    await pad.scrollIntoView();
    const box = await pad.boundingBox();
    await demo.page.mouse.move(box.x + 0.3 * box.width, box.y + 0.2 * box.height);
    await demo.page.mouse.down();
    await demo.page.mouse.move(box.x + 0.7 * box.width, box.y + 0.2 * box.height, { steps: 5 });
    await demo.page.mouse.up();
    await click('.sketch .finish');
    const row = 5 * 28;
    await until((at) => {
      const canvas = document.querySelector('[data-column=linear] canvas');
      const box = document.querySelector('[data-column=linear]');
      return box.dataset.position === '784' && canvas.getContext('2d').getImageData(0, 0, 28, 28).data[4 * (at + 14)] > 200;
    }, row);
    await painted('cached');
    const [one, two] = [await levels('linear'), await levels('cached')];
    assert.deepEqual(one.slice(0, 392), two.slice(0, 392));
    assert.ok(one.slice(392).some((level) => level > 0), 'nothing was painted below');
    await click(inFigure('digits', '.cancel'));
  });

  test('at temperature 0 the page says why sheets stay blank', async () => {
    await openDigits('digits.temperature=0');
    assert.equal(await demo.page.$eval('#figure-digits .blank', (note) => note.checkVisibility()), true);
    await demo.page.select('[data-key="digits.begin"]', 'half a real digit');
    await until(() => !document.querySelector('#figure-digits .blank').checkVisibility());
  });

  test('choosing to draw ends the race that runs', async () => {
    await phase('digits', 'running');
    await demo.page.select('[data-key="digits.begin"]', 'half a digit of yours');
    await phase('digits', 'waiting');
    assert.match(await text('#figure-digits .status'), /Draw the top half/);
    assert.equal(await demo.page.$eval(inFigure('digits', '.cancel'), (button) => button.disabled), true);
  });

  test('what the models reached is said from their files', async () => {
    assert.match(await text('section[aria-labelledby="digits"] .prose'), /linear needs 0\.770 bits a pixel, softmax 0\.764\..*6 layers and 1\.26 million weights/s);
  });

  test('no error was reported, and no request left this machine', () => demo.watched.assertClean());

  test('without the models the page says what to do, and may try again', async () => {
    const broken = await demo.without(/\.safetensors$/);
    try {
      await openDigits('', broken.url);
      await phase('digits', 'error');
      assert.match(await text('#figure-digits .status'), /the server answered 404.*try again/);
      assert.equal(await demo.page.$eval(inFigure('digits', '.again'), (button) => button.disabled), false);
    } finally {
      await broken.close();
    }
  });

  test.run();
}
