// The figures of the demo page in real browsers: they fill, they are right, and they can be cancelled.
import assert from 'node:assert';
import { references } from '../../demo/measure/features.js';
import { scales } from '../../demo/measure/gap.js';
import { featureCounts, firstMaps } from '../../demo/measure/maps.js';
import { assertBelow } from '../util.js';
import { demoSuite, inFigure } from './demo_page.js';
import { browsers } from './driver.js';

const figures = ['kernel', 'gap', 'remedy', 'memory', 'features', 'time', 'stream'];

for (const name of browsers) {
  const { test, demo } = demoSuite('demo', name);
  const { data, text, rows, until, phase, click } = demo;

  test('every figure measures by itself and fills', async () => {
    for (const figure of figures) await phase(figure, 'done');
    await until(() => document.getElementById('weights').dataset.state === 'done');
    assert.equal(await rows('gap'), (firstMaps.length + 1) * (5 + scales.length));
    assert.equal(await rows('features'), references.length + 3 * featureCounts.length);
    assert.ok((await rows('time')) >= 6);
    assert.equal(await rows('stream'), 13);
    const colours = await demo.page.$$eval('.stage canvas, #weights .map canvas', (list) =>
      list.map(
        (canvas) => new Set(new Uint32Array(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.buffer)).size,
      ),
    );
    assert.equal(colours.length, 17 + 3);
    assert.ok(
      colours.every((count) => count > 8),
      `a plot is blank: ${colours} colours`,
    );
    for (const figure of figures) {
      assert.match(
        await text(inFigure(figure, '.measured')),
        /version \S+, (simd|relaxed) build, 1 thread, (Chrome|Firefox) \d+ on .+, \d{4}-\d\d-\d\d/,
      );
    }
  });

  test('the slopes are those of the theory, and the crossover is shown', async () => {
    const slopes = async () => {
      const { softmaxSlope, linearSlope } = await data('#figure-time');
      return { softmaxSlope: Number(softmaxSlope), linearSlope: Number(linearSlope) };
    };
    const hold = ({ softmaxSlope, linearSlope }) => Math.abs(softmaxSlope - 2) <= 0.3 && Math.abs(linearSlope - 1) <= 0.2;
    let measured = await slopes();
    // Another process may have disturbed the measurement: it is taken up to six times.
    for (let again = 0; again < 5 && !hold(measured); again++) {
      await demo.rerun('time', () => click('#figure-time .again'));
      measured = await slopes();
    }
    assert.ok(hold(measured), `slopes ${JSON.stringify(measured)}`);
    assert.match((await data('#figure-time')).crossover, /^(\d+|always|never)$/);
    assert.match(await text('#figure-time .verdict'), /crossover/i);
  });

  test('taylor is closer than many random features, and those closer than few', async () => {
    const table = await demo.page.$$eval('#figure-features .foot tbody tr', (list) => list.map((row) => [...row.cells].map((cell) => cell.textContent)));
    const error = (kind, features) => Number(table.find((row) => row[0] === kind && (features === undefined || row[1] === features))[3]);
    assert.ok(error('taylor') < error('favor', '1,024') && error('favor', '1,024') < error('favor', '64'), JSON.stringify(table));
    for (const [, , least, middle, most] of table) assert.ok(Number(least) <= Number(middle) && Number(middle) <= Number(most));
  });

  test('the cache grows with the position, the state does not', async () => {
    const [first, last] = await demo.page.$$eval('#figure-stream .foot tbody tr', (list) =>
      [list[0], list.at(-1)].map((row) => [...row.cells].map((cell) => Number(cell.textContent.replaceAll(',', '')))),
    );
    assert.ok(last[3] > 10 * first[3], `cache from ${first[3]} to ${last[3]} bytes`);
    assert.equal(last[4], first[4]);
    assert.equal(last[3], last[0] * 2 * 64 * 4);
    // S and z twice, 16 tokens that wait, and what a step needs.
    assert.ok(last[4] > 2 * (64 * 64 + 64) * 4 && last[4] < 43_000, `state ${last[4]} bytes`);
  });

  test('the page answers while it computes', async () => {
    await assertBelow(250, async () => {
      await click(inFigure('time', '.again'));
      await phase('time', 'running');
      return demo.page.evaluate(
        (id) =>
          new Promise((resolve) => {
            let last = performance.now();
            let gap = 0;
            const tick = (now) => {
              gap = Math.max(gap, now - last);
              last = now;
              if (document.getElementById(id).dataset.state === 'running') requestAnimationFrame(tick);
              else resolve(gap);
            };
            requestAnimationFrame(tick);
          }),
        'figure-time',
      );
    }, 'ms without a frame');
  });

  test('cancel stops soon and leaves the results', async () => {
    await demo.page.select('[data-key="time.budget"]', '16000');
    await phase('time', 'running');
    await until(() => document.querySelectorAll('#figure-time .foot tbody tr').length >= 6);
    const start = performance.now();
    await click(inFigure('time', '.cancel'));
    await phase('time', 'cancelled');
    assert.ok(performance.now() - start < 5000);
    assert.ok((await rows('time')) >= 6);
    assert.match(await text('#figure-time .status'), /Cancelled/);
    assert.equal(await demo.page.$eval(inFigure('time', '.cancel'), (button) => button.disabled), true);
  });

  test('the largest features show progress, and their cancel acts at once', async () => {
    await assertBelow(100, async () => {
      await demo.open(`features.dim=128&features.length=2048`);
      await until(() => document.querySelectorAll('#figure-features .foot tbody tr').length >= 5);
      const { shown, phases, ms } = await demo.page.evaluate(async () => {
        const figure = document.getElementById('figure-features');
        const shown = figure.querySelector('progress').value;
        const phases = [figure.dataset.state];
        const start = performance.now();
        figure.querySelector('.cancel').click();
        while (figure.dataset.state === 'running' && performance.now() < start + 5000) {
          await new Promise((resolve) => setTimeout(resolve));
        }
        phases.push(figure.dataset.state);
        return { shown, phases, ms: performance.now() - start };
      });
      assert.deepEqual(phases, ['running', 'cancelled']);
      assert.ok(shown > 0 && shown < 1, `progress ${shown}`);
      return ms;
    });
    assert.ok((await rows('features')) >= 5);
  });

  test('no error was reported, and no request left this machine', () => demo.watched.assertClean());
  test.run();
}
