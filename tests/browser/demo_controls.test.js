// The controls, address, pictures and accessibility of the demo page in real browsers.
import assert from 'node:assert';
import { scales } from '../../demo/measure/gap.js';
import { featureMaps, firstMaps } from '../../demo/measure/maps.js';
import { assertAccessible, assertNarrow } from './axe.js';
import { demoSuite, inFigure } from './demo_page.js';
import { browsers } from './driver.js';

const figures = ['kernel', 'gap', 'remedy', 'memory', 'features', 'time', 'stream'];

for (const name of browsers) {
  const { test, demo } = demoSuite('controls of the demo', name);
  const { data, text, rows, until, phase, click } = demo;

  test('controls are in the address, and back undoes them', async () => {
    await demo.open('gap.source=random+numbers');
    await phase('gap', 'done');
    await demo.page.select('[data-key="gap.dim"]', '32');
    await until(() => location.search.includes('gap.dim=32'));
    await click('[data-key="gap.causal"]');
    await until(() => location.search.includes('gap.causal=1'));
    await demo.page.evaluate(() => history.back());
    await until(() => !location.search.includes('gap.causal'));
    assert.equal(await demo.page.$eval('[data-key="gap.causal"]', (box) => box.checked), false);
    await demo.page.evaluate(() => history.back());
    await until(() => document.querySelector('[data-key="gap.dim"]').value === '64');
    await demo.page.evaluate(() => history.forward());
    await until(() => document.querySelector('[data-key="gap.dim"]').value === '32');
  });

  test('a link restores every control, and nonsense falls back to the initial value', async () => {
    const given = {
      'gap.source': 'random+numbers',
      'gap.norm': '2.5',
      'gap.seed': '77',
      'gap.maps': 'elu,relu',
      'weights.map': 'relu',
      'weights.row': '3',
      'time.map': 'identity',
    };
    const link = Object.entries(given)
      .map(([key, value]) => `${key}=${value}`)
      .join('&');
    await demo.open(`${link}&gap.dim=31&time.heads=x&other=1`);
    const shown = await demo.page.evaluate(() => {
      const value = (key) => document.querySelector(`[data-key="${key}"]`).value;
      const maps = [...document.querySelectorAll('[data-key="gap.maps"] input')].filter((box) => box.checked).map((box) => box.value);
      return {
        'gap.source': value('gap.source').replace(' ', '+'),
        'gap.norm': value('gap.norm'),
        'gap.seed': value('gap.seed'),
        'gap.maps': maps.join(),
        'weights.map': value('weights.map'),
        'time.map': value('time.map'),
        dim: value('gap.dim'),
        heads: value('time.heads'),
      };
    });
    const { 'weights.row': row, ...controls } = given;
    assert.deepEqual(shown, { ...controls, dim: '64', heads: '1' });
    await until((wanted) => document.getElementById('weights').dataset.row === wanted, row);
    await phase('gap', 'done');
    assert.equal(await rows('gap'), 3 * (5 + scales.length));
  });

  test('the matrices are linked under the pointer and the arrow keys', async () => {
    await demo.open();
    await until(() => document.getElementById('weights').dataset.state === 'done');
    // The figure above grows while it measures, and moves the matrices.
    for (const figure of figures) await phase(figure, 'done');
    const canvas = await demo.page.$('[data-kind="linear"] canvas');
    await canvas.scrollIntoView();
    const box = await canvas.boundingBox();
    const cell = box.width / 32;
    await demo.page.mouse.move(box.x + 5.5 * cell, box.y + 20.5 * cell);
    await until(() => document.getElementById('weights').dataset.column === '5');
    assert.equal((await data('#weights')).row, '20');
    assert.match(await text('#cell'), /query i = 20, key j = 5: softmax \d[^;]*; linear, elu 0\.\d+; linear, taylor 0\.\d+/);
    // A wheel over a heat map goes on scrolling the page.
    const top = await demo.page.evaluate(() => scrollY);
    await demo.page.mouse.wheel({ deltaY: 120 });
    await until((before) => scrollY > before + 50, top);
    await demo.page.mouse.move(0, 0);
    await demo.page.focus('.matrices');
    await demo.page.keyboard.press('ArrowDown');
    await demo.page.keyboard.press('ArrowLeft');
    const labels = await demo.page.$$eval('#weights .map canvas', (list) => list.map((one) => one.getAttribute('aria-label')));
    assert.equal(labels.length, 3);
    for (const label of labels) assert.match(label, /at query 21, key 4:/);
    assert.match(await demo.page.$eval('.row-plot .stage', (stage) => stage.getAttribute('aria-label')), /query 21/);
    assert.match(new URL(demo.page.url()).search, /weights\.row=21/);
  });

  test('the data of every figure can be saved as CSV, its picture as PNG', async () => {
    for (const figure of figures) await phase(figure, 'done');
    await demo.page.evaluate(() => {
      HTMLAnchorElement.prototype.click = function () {
        document.body.dataset.saved = this.download;
        document.body.dataset.href = this.href;
      };
    });
    const saved = async (figure, kind) => {
      await click(inFigure(figure, `.${kind}`));
      await until((file) => document.body.dataset.saved === file, `${figure}.${kind}`);
      return demo.page.evaluate(async () => {
        const blob = await (await fetch(document.body.dataset.href)).blob();
        return { type: blob.type, size: blob.size, start: (await blob.text()).slice(0, 4000) };
      });
    };
    for (const figure of figures) {
      const csv = await saved(figure, 'csv');
      const [header, first] = csv.start.split('\n');
      assert.match(header, /,build,threads,engine,platform,processors,date$/);
      assert.equal(first.split(',').length, header.split(',').length);
      const png = await saved(figure, 'png');
      assert.equal(png.type, 'image/png');
      assert.ok(png.size > 5000);
    }
  });

  test('the gap takes q, k and v from a trained head', async () => {
    await demo.open(`gap.layer=2&gap.head=3&weights.row=3&weights.column=9`);
    await phase('gap', 'done');
    await until(() => document.getElementById('weights').dataset.state === 'done');
    assert.equal(await rows('gap'), (firstMaps.length + 1) * (5 + scales.length));
    assert.equal(await demo.page.$eval('[data-key="gap.dim"]', (select) => select.offsetParent), null);
    assert.deepEqual(await demo.page.$$eval('#weights .head option', (list) => list.map((option) => option.textContent)), ['3']);
    assert.match(await text(inFigure('gap', '.verdict')), /Softmax over the last 16 tokens, in the memory of elu’s state, is [\d.]+ % off/);
    const hidden = await demo.page.$eval('[data-key="gap.causal"]', (box) => box.offsetParent === null);
    assert.ok(hidden, 'the model is causal: there is nothing to choose');
    const label = await demo.page.$eval('[data-kind="softmax"] canvas', (canvas) => canvas.getAttribute('aria-label'));
    assert.match(label, /at query 3, key 9: hidden/);
  });

  test('two maps stand side by side, or one and the difference', async () => {
    const names = () => demo.page.$$eval('#weights .matrices .name', (list) => list.map((one) => one.textContent));
    assert.deepEqual(await names(), ['softmax', 'linear, elu', 'linear, taylor']);
    await demo.page.select('[data-key="weights.second"]', 'difference');
    await until(() => document.querySelector('[data-kind="second"] .name').textContent === 'linear − softmax');
    await demo.page.select('[data-key="weights.second"]', 'favor');
    await until(() => document.querySelector('[data-kind="second"] .name').textContent === 'linear, favor');
  });

  test('a plot is read by keyboard, point by point', async () => {
    await phase('gap', 'done');
    await demo.page.focus(inFigure('gap', '.plot .stage'));
    const spoken = () => text(inFigure('gap', '.plot .spoken'));
    await demo.page.keyboard.press('Home');
    assert.match(await spoken(), /^at 16, elu [\d.]+, relu [\d.]+, .*mean of V [\d.]+$/);
    await demo.page.keyboard.press('ArrowRight');
    assert.match(await spoken(), /^at 32, /);
    await demo.page.keyboard.press('End');
    assert.match(await spoken(), /^at 256, /);
    await demo.page.keyboard.press('Escape');
    assert.equal(await spoken(), '');
  });

  test('nothing overflows at a width of 360 pixels', async () => {
    await assertNarrow(demo.page);
    await demo.page.setViewport({ width: 1280, height: 900 });
  });

  test('a picture of a narrow page has its legend inside', async () => {
    await demo.page.setViewport({ width: 360, height: 740 });
    await demo.open(`gap.maps=${featureMaps}`);
    await phase('gap', 'done');
    const { width, room, ink } = await demo.page.evaluate(async () => {
      const saved = new Promise((resolve) => {
        HTMLAnchorElement.prototype.click = function () {
          resolve(this.href);
        };
      });
      document.querySelector('#figure-gap .png').click();
      const image = await createImageBitmap(await (await fetch(await saved)).blob());
      const context = new OffscreenCanvas(image.width, image.height).getContext('2d');
      context.drawImage(image, 0, 0);
      const margin = 15 * devicePixelRatio;
      const pixels = new Uint32Array(context.getImageData(image.width - margin, 0, margin, image.height).data.buffer);
      const stage = document.querySelector('#figure-gap .stage').clientWidth;
      const ink = pixels.findIndex((pixel) => pixel !== pixels[0]);
      return { width: image.width / devicePixelRatio, room: stage, ink };
    });
    assert.ok(width < room + 60, `${width} pixels wide`);
    assert.equal(ink, -1, 'something is drawn in the right margin');
    await demo.page.setViewport({ width: 1280, height: 900 });
  });

  test('axe finds nothing to object to, in light and in dark', async () => {
    await assertAccessible(demo.page);
  });

  test('no error was reported, and no request left this machine', () => demo.watched.assertClean());

  test('each page has the reader’s theme before any of its modules has run', async () => {
    const bare = await demo.without(/\.js$/);
    try {
      for (const path of ['', 'conformance.html', 'segments.html']) {
        const themes = [];
        for (const theme of ['dark', 'light']) {
          await demo.page.goto(`${bare.url}/${path}`);
          await demo.page.evaluate((chosen) => localStorage.setItem('theme', chosen), theme);
          await demo.page.reload();
          themes.push(await demo.page.evaluate(() => document.documentElement.dataset.theme));
        }
        assert.deepEqual(themes, ['dark', 'light'], path);
      }
    } finally {
      await bare.close();
    }
  });

  test('without the wasm file the page says what to do', async () => {
    const broken = await demo.without(/\.wasm$/);
    try {
      await demo.open('', broken.url);
      for (const figure of figures) await phase(figure, 'unavailable');
      assert.equal(await demo.page.$eval('#failure', (element) => element.hidden), false);
      assert.match(await text('#failure'), /npm run build/);
      assert.equal(await demo.page.$eval('#first', (element) => element.checkVisibility()), false);
    } finally {
      await broken.close();
    }
  });

  test.run();
}
