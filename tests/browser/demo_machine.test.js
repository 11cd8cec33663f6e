// The machine of the demo page in real browsers: every step shows what the library's own state holds.
import assert from 'node:assert';
import { dim, firstInputs, rules, tokens } from '../../demo/measure/machine.js';
import { createAttention } from '../../web/index.js';
import { demoSuite, inFigure } from './demo_page.js';
import { browsers } from './driver.js';

const { q, k, v } = firstInputs();
const rowOf = (values, t) => values.slice(t * dim, (t + 1) * dim);
const unit = (row) => row.map((value) => value / (Math.hypot(...row) || 1));

/** S after every token, and every answer, by state.step alone. */
function statesOf(attention, rule) {
  const delta = rule === 'delta';
  const state = attention.state({ heads: 1, dim, featureMap: delta ? 'identity' : 'elu', normalize: !delta, eps: 0 });
  const input = (values, t) => ({ data: Float32Array.from(delta && values !== v ? unit(rowOf(values, t)) : rowOf(values, t)), shape: [1, dim] });
  const options = { sum: {}, decay: { decay: Math.log(0.7) }, delta: { beta: 1 } }[rule];
  const steps = Array.from({ length: tokens }, (_, t) => ({ answer: [...state.step(input(q, t), input(k, t), input(v, t), options).data], S: [...state.data] }));
  state.dispose();
  return steps;
}

const close = (actual, expected, what) => {
  assert.equal(actual.length, expected.length, what);
  actual.forEach((value, i) => assert.ok(Math.abs(value - expected[i]) <= 1e-5 * Math.max(1, Math.abs(expected[i])), `${what} at ${i}: ${value}, expected ${expected[i]}`));
};

for (const name of browsers) {
  const { test, demo } = demoSuite('machine of the demo', name);
  const { data, text, until, click, phase } = demo;
  const cells = (label) => demo.page.$$eval(`.linear-products caption[aria-label="${label}"]`, ([caption]) => [...caption.parentElement.querySelectorAll('td')].map((cell) => cell.dataset.value).filter((value) => value !== '').map(Number));
  const atStep = (step, rule) => until((wanted, by) => { const { step, rule } = document.getElementById('figure-machine').dataset; return step === wanted && rule === by; }, String(step), rule);
  const setRange = (key, value) =>
    demo.page.$eval(`#figure-machine input[data-key="${key}"]`, (input, to) => {
      input.value = to;
      input.dispatchEvent(new Event('input'));
      input.dispatchEvent(new Event('change'));
    }, value);

  test('step, back and scrub equal state.step under every rule', async () => {
    const attention = await createAttention();
    await phase('machine', 'done');
    for (const rule of rules) {
      const expected = statesOf(attention, rule);
      await demo.page.select('[data-key="machine.rule"]', rule);
      await setRange('machine.step', 0);
      await atStep(0, rule);
      close(await cells('state S'), Array(dim * dim).fill(0), `${rule}, before anything`);
      for (let step = 1; step <= 2 * tokens; step++) {
        await click(inFigure('machine', '.forward'));
        await atStep(step, rule);
        const { S, answer } = expected[Math.ceil(step / 2) - 1];
        close(await cells('state S'), S, `${rule}, step ${step}`);
        if (step % 2 === 0) close(await cells('answer of linear attention'), answer, `${rule}, answer at step ${step}`);
        else close(await cells('answer of linear attention'), [], `${rule}, no answer at step ${step}`);
      }
      await click(inFigure('machine', '.back'));
      await atStep(2 * tokens - 1, rule);
      await setRange('machine.step', 6);
      await atStep(6, rule);
      close(await cells('state S'), expected[2].S, `${rule}, scrubbed`);
    }
    attention.dispose();
  });

  test('a key stored twice blends under the sum and is replaced under delta', async () => {
    const away = async (rule) => {
      await demo.page.select('[data-key="machine.rule"]', rule);
      await setRange('machine.step', 11);
      await atStep(11, rule);
      return (await text(inFigure('machine', '.said'))).match(/([\d.]+(?:·10\S+)?) from the new value and ([\d.]+) from the old/).slice(1);
    };
    const [sum, delta] = [await away('sum'), await away('delta')];
    assert.ok(Number(sum[0]) > 0.5, `under the sum ${sum}`);
    assert.ok(delta[0].includes('·10⁻') || Number(delta[0]) < 1e-3, `under delta ${delta}`);
  });

  test('a number is edited, kept in the address, and undone; nonsense is marked', async () => {
    const field = '#figure-machine input[aria-label="value of token 1, number 1"]';
    const type = (value) => demo.page.$eval(field, (input, to) => { input.value = to; input.dispatchEvent(new Event('change', { bubbles: true })); }, value);
    await setRange('machine.step', 1);
    await demo.page.select('[data-key="machine.rule"]', 'sum');
    await atStep(1, 'sum');
    const before = await cells('state S');
    await type('−3');
    await until((was) => [...document.querySelectorAll('.linear-products caption[aria-label="state S"] ~ tbody td')][0].dataset.value !== was, String(before[0]));
    const after = await cells('state S');
    assert.ok(Math.abs(after[0] / before[0] - -3 / v[0]) < 1e-5, `${before[0]} became ${after[0]}`);
    assert.match(new URL(demo.page.url()).search, /machine\.v=-3,/);
    await type('many');
    assert.equal(await demo.page.$eval(field, (input) => input.getAttribute('aria-invalid')), 'true');
    await demo.page.evaluate(() => history.back());
    await until((was) => [...document.querySelectorAll('.linear-products caption[aria-label="state S"] ~ tbody td')][0].dataset.value === was, String(before[0]));
  });

  test('it plays to the end, and pauses', async () => {
    await setRange('machine.step', 13);
    await click(inFigure('machine', '.play'));
    assert.equal(await text(inFigure('machine', '.play')), 'Pause');
    await atStep(16, 'sum');
    await until(() => document.querySelector('#figure-machine .play').textContent === 'Play');
    assert.equal((await data('#figure-machine')).step, '16');
  });

  test('arrow keys move between the fields', async () => {
    await demo.page.focus('#figure-machine input[aria-label="query of token 1, number 1"]');
    await demo.page.keyboard.press('ArrowDown');
    await demo.page.keyboard.press('ArrowRight');
    assert.equal(await demo.page.evaluate(() => document.activeElement.getAttribute('aria-label')), 'query of token 2, number 2');
  });

  test('the shapes count multiplications', async () => {
    await setRange('machine.T', 32);
    await setRange('machine.d', 8);
    await until(() => document.querySelector('.shapes strong').textContent === '16,384');
    assert.match(await text('.shapes'), /2Td² = 4,096, 4 times fewer/);
  });

  test('no error was reported, and no request left this machine', () => demo.watched.assertClean());

  test.run();
}
