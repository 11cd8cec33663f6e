// Figure "The machine": a few tokens, step by step, through softmax's cache and linear attention's state.
import { integer, number } from '../format.js';
import { dim, readBack, sameKeyBefore, storeTwice, tokens } from '../measure/machine.js';
import { createMatrix } from '../plots/matrix.js';
import { bindControls } from '../controls.js';
import { priorities } from '../lab.js';
import { createGrids } from './machine_grids.js';
import { createShapes } from './shapes.js';

const PLAY_MS = 900;
/** Every token is written, then its query reads. */
const steps = 2 * tokens;

/** @returns {(changed: Set<string>) => void} update */
export function machineFigure(figure, { state, lab }) {
  const find = (selector) => figure.querySelector(selector);
  bindControls(figure, state);
  const grids = createGrids(find('.tokens-table'), { state });
  const shapes = createShapes(find('.shapes'), { state });
  const cache = createCache(find('.cache-rows'));
  const linear = find('.linear-products');
  const make = (area, name, label, rows, columns, role, most) => {
    const matrix = createMatrix(linear, { name, label, rows, columns, role, most });
    matrix.table.style.setProperty('--area', area);
    return matrix;
  };
  const parts = {
    key: make('key', '<i>φ</i>(<b class="k">k</b>)', 'features of the key', dim, 1, 'k'),
    written: make('written', '<b class="v">v</b>', 'what is written', 1, dim, 'v'),
    product: make('product', '<i>φ</i>(<b class="k">k</b>)<b class="v">v</b>ᵀ', 'product of both', dim, dim, 'state', 5),
    S: make('S', '<b class="state">S</b>', 'state S', dim, dim, 'state', 6),
    z: make('z', '<b class="state">z</b>', 'key sum z', dim, 1, 'state', 8),
    query: make('query', '<i>φ</i>(<b class="q">q</b>)', 'features of the query', dim, 1, 'q'),
    answer: make('answer', 'answer', 'answer of linear attention', 1, dim, 'state'),
  };
  const exact = createMatrix(find('.softmax-answer'), { name: 'answer', label: 'answer of softmax', rows: 1, columns: dim, role: 'softmax' });
  let run = null;
  let asked = 0;
  let timer = 0;

  const draw = () => {
    if (!run) return;
    // What is shown together is of one run: the controls may already ask for the next, which is on its way.
    const { rule, k, v, beta } = run.settings;
    const step = state.values['machine.step'];
    const reads = step % 2 === 0;
    const t = Math.ceil(step / 2) - 1;
    const token = run.seen[t];
    grids.mark(t);
    cache.update({ k, v, count: t + 1, weights: reads ? token?.weights : null });
    exact.update(reads ? token?.exact ?? null : null);
    const shown = {
      key: reads ? null : token?.key,
      written: reads ? null : token?.written,
      product: reads ? null : token?.product,
      S: token?.S ?? new Float32Array(dim * dim),
      z: rule === 'delta' ? null : token?.z ?? new Float32Array(dim),
      query: reads ? token?.query : null,
      answer: reads ? token?.linear : null,
    };
    for (const [name, matrix] of Object.entries(parts)) {
      matrix.table.classList.toggle('idle', !shown[name]);
      matrix.update(shown[name] ?? null);
    }
    parts.z.table.hidden = rule === 'delta';
    parts.written.table.caption.innerHTML = rule === 'delta' ? 'β(<b class="v">v</b> − <i>S</i>ᵀ<b class="k">k</b>)' : '<b class="v">v</b>';
    find('.said').textContent = sentence({ step, t, token, rule, k, v, beta });
    Object.assign(figure.dataset, { step, rule });
  };

  const fetch = async () => {
    const mine = ++asked;
    const { q, k, v, rule, decay, beta } = state.pick('machine');
    try {
      await lab.ready;
      const settings = { q, k, v, rule, decay, beta };
      const seen = await lab.run(priorities.machine, 'machine', settings);
      if (mine !== asked) return;
      run = { settings, seen };
      figure.dataset.state = 'done';
      draw();
    } catch (error) {
      if (mine !== asked) return;
      figure.dataset.state = 'error';
      find('.said').textContent = `The machine does not run: ${error.message}`;
    }
  };

  const go = (step) => state.set({ 'machine.step': Math.min(steps, Math.max(0, step)) }, { step: false });
  const play = find('.play');
  const stop = () => {
    clearInterval(timer);
    timer = 0;
    play.textContent = 'Play';
  };
  play.addEventListener('click', () => {
    if (timer) return stop();
    if (state.values['machine.step'] === steps) go(0);
    play.textContent = 'Pause';
    timer = setInterval(() => {
      go(state.values['machine.step'] + 1);
      if (state.values['machine.step'] === steps) stop();
    }, PLAY_MS);
  });
  for (const [selector, by] of [['.back', -1], ['.forward', 1]]) {
    find(selector).addEventListener('click', () => {
      stop();
      go(state.values['machine.step'] + by);
    });
  }
  find('.twice').addEventListener('click', () => state.set({ 'machine.k': storeTwice(state.values['machine.k']) }));
  const showRule = () => {
    for (const element of figure.querySelectorAll('[data-rule]')) element.hidden = element.dataset.rule !== state.values['machine.rule'];
  };
  showRule();
  fetch();
  return (changed) => {
    const own = [...changed].filter((key) => key.startsWith('machine.'));
    if (own.length === 0) return;
    showRule();
    grids.update();
    shapes.update();
    if (own.some((key) => !['machine.step', 'machine.T', 'machine.d'].includes(key))) fetch();
    else draw();
  };
}

/** Softmax's memory: a row a token, key, value and weight. */
function createCache(container) {
  const rows = Array.from({ length: tokens }, () => {
    const row = document.createElement('div');
    row.className = 'cache-row';
    const [key, value] = ['k', 'v'].map((role) => createMatrix(row, { name: '', label: role === 'k' ? 'kept key' : 'kept value', rows: 1, columns: dim, role }));
    const bar = Object.assign(document.createElement('span'), { className: 'weight' });
    row.append(bar);
    container.append(row);
    return { row, key, value, bar };
  });
  return {
    update({ k, v, count, weights }) {
      rows.forEach(({ row, key, value, bar }, t) => {
        const kept = t < count;
        row.classList.toggle('idle', !kept);
        key.update(kept ? k.slice(t * dim, (t + 1) * dim) : null);
        value.update(kept ? v.slice(t * dim, (t + 1) * dim) : null);
        const weight = kept && weights ? weights[t] : 0;
        bar.style.setProperty('--share', weight);
        bar.textContent = kept && weights ? weight.toFixed(2) : '';
      });
    },
  };
}

const vector = (values) => `[${[...values].map((value) => value.toFixed(2).replace('-', '−')).join(', ')}]`;
const distance = (a, b) => Math.hypot(...[...a].map((value, i) => value - b[i]));

/** What happens at a step, with its numbers. */
function sentence({ step, t, token, rule, k, v, beta }) {
  const held = rule === 'delta' ? dim * dim : dim * dim + dim;
  if (step === 0) return `Both memories are empty. Each token is first written, then its query reads.`;
  if (step % 2 === 0) {
    const best = token.weights.indexOf(Math.max(...token.weights));
    const reading = rule === 'delta' ? `what it finds in S` : `what it finds in S, divided by ${number(token.normaliser)}, its dot product with z`;
    return `Query ${t + 1} reads: softmax weighs ${integer(t + 1)} ${t ? 'values' : 'value'}, most of all that of token ${best + 1} with ${number(token.weights[best])}; linear takes ${reading}.`;
  }
  const start = `Token ${t + 1} is written: softmax’s cache grows to ${integer(2 * dim * (t + 1))} numbers, the state stays at ${held}.`;
  const earlier = sameKeyBefore(k, t);
  if (earlier < 0) return rule === 'delta' ? `${start} Under its key the state held ${vector(token.old)}; ${number(beta)} of the difference is written.` : start;
  const back = readBack(token.S, token.key, token.z);
  const [now, then] = [t, earlier].map((at) => distance(back, v.slice(at * dim, (at + 1) * dim)));
  return `${start} Its key was that of token ${earlier + 1}: read with it, the state now gives ${vector(back)}, ${number(now)} from the new value and ${number(then)} from the old.`;
}
