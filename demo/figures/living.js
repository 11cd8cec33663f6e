// The picture of the first screen: tokens enter a cache that grows and a state that does not, and digits are painted with both.
import { bytes, integer, number } from '../format.js';
import { livingDim } from '../measure/living.js';
import { beginnings, digitChoices, runRace } from '../measure/race.js';
import { createCells } from '../plots/cells.js';
import { createImages } from '../plots/images.js';

const TOKEN_MS = 200;
const CHUNK = 32;
const LENGTH = 28 * 28;
const painters = { linear: 'state', cached: 'cache' };

/** @param {{ lab: object, weightsWanted: Promise<void> }} context weightsWanted: when the digits may be loaded and painted */
export function livingPicture(figure, { lab, weightsWanted }) {
  const find = (selector) => figure.querySelector(selector);
  const shown = [];
  let token = null;
  let ahead = [];
  let asked = false;
  let playing = !matchMedia('(prefers-reduced-motion: reduce)').matches;
  let visible = true;
  let last = 0;

  const cache = createCells(find('.cache'), '', (paint, width) => {
    const side = Math.min(9, width / Math.max(1, shown.length));
    const most = 2.5;
    paint.frame(0.5, 0.5, width - 1, 96, 'grid');
    shown.forEach(({ k, v }, t) => {
      const place = { left: t * side, rows: livingDim, columns: 1, width: side, height: 3, most };
      paint.grid(k, { ...place, top: 0.5, role: 'k' });
      paint.grid(v, { ...place, top: 48.5, role: 'v' });
    });
    token?.weights.forEach((weight, t) => paint.bar(t * side, 128 - 28 * Math.sqrt(weight), Math.max(0.5, side - 0.5), 28 * Math.sqrt(weight), 'softmax'));
  });
  const state = createCells(find('.state-picture'), '', (paint, width) => {
    const cell = 7;
    const [left, top] = [16, 16];
    const side = cell * livingDim;
    paint.frame(left, top, side, side);
    paint.frame(left + side + 10, top, cell, side);
    if (!token) return;
    const grid = { rows: livingDim, columns: livingDim, width: cell };
    const largest = (values) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-9);
    const key = token.k.map((x) => (x > 0 ? x + 1 : Math.exp(x)));
    paint.grid(token.S, { ...grid, left, top, role: 'state', most: largest(token.S) });
    paint.grid(key, { ...grid, left: left - 11, top, columns: 1, role: 'k', most: largest(key) });
    paint.grid(token.v, { ...grid, left, top: top - 11, rows: 1, role: 'v', most: 2.5 });
    paint.grid(token.z, { ...grid, left: left + side + 10, top, columns: 1, role: 'state', most: largest(token.z) });
    const from = left + side + 40;
    const room = width - from;
    const answer = { rows: 1, columns: livingDim, left: from, most: 1.5, width: room / livingDim, height: 12 };
    paint.text('softmax answers', from, top + 1, 'softmax');
    paint.grid(token.exact, { ...answer, top: top + 7, role: 'softmax' });
    paint.text('linear answers', from, top + 35, 'state');
    paint.grid(token.linear, { ...answer, top: top + 41, role: 'state' });
    paint.line(shown.map(({ apart }, t) => [from + (t * room) / Math.max(48, shown.length), top + side - 2 - 44 * Math.min(1.2, apart)]), 'text');
  });

  const say = () => {
    if (!token) return;
    find('.tokens').textContent = integer(token.length);
    find('.cache-size').textContent = bytes(token.cacheBytes);
    find('.state-size').textContent = bytes(token.stateBytes);
    find('.apart').textContent = `${number(Math.round(100 * token.apart))} %`;
    Object.assign(figure.dataset, { token: token.length, apart: token.apart });
  };

  const fetch = async (chunks) => {
    asked = true;
    const { value } = await chunks.next();
    ahead = ahead.concat(value ?? []);
    asked = false;
  };
  const step = () => {
    if (ahead.length === 0) return;
    token = ahead.shift();
    if (token.length === 1) shown.length = 0;
    shown.push(token);
    say();
    cache.redraw();
    state.redraw();
  };

  const button = find('.play');
  const showButton = () => (button.textContent = playing ? 'Pause' : 'Play');
  button.addEventListener('click', () => {
    playing = !playing;
    showButton();
  });
  showButton();
  new IntersectionObserver(([entry]) => (visible = entry.isIntersecting)).observe(figure);

  const start = async () => {
    await lab.ready;
    const chunks = lab.bench('living', { seed: 5 }, async function* (bench) {
      for (;;) yield await bench.advance(CHUNK);
    });
    await fetch(chunks);
    for (let i = 0; i < 12; i++) step(); // something to see at once
    const tick = (now) => {
      if (playing && visible && now - last >= TOKEN_MS) {
        last = now;
        step();
        if (ahead.length < CHUNK / 2 && !asked) fetch(chunks);
      }
      requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  };
  start().catch(() => {}); // the top of the page says that the module did not load
  paintDigits(figure, { lab, weightsWanted }).catch(() => {}); // and the figure of the digits, that a model did not
}

/** All ten digits by the linear model and by the softmax model, once. */
async function paintDigits(figure, { lab, weightsWanted }) {
  const views = Object.fromEntries(
    Object.keys(painters).map((column) => {
      const images = createImages(28, { across: 10 });
      const box = figure.querySelector(`.painter[data-painter=${column}] .strip`);
      box.append(images.canvas);
      images.update(Array.from({ length: 10 }, () => new Uint8Array(LENGTH)), 0, 'Ten digits, not painted yet');
      return [column, images];
    }),
  );
  await weightsWanted;
  await lab.download(['linear', 'softmax']);
  const options = { digit: digitChoices[0], begin: beginnings[0], temperature: 0.8, seed: 4, sketch: new Uint8Array(LENGTH / 2) };
  const races = lab.bench('race', { ...options, racing: Object.keys(painters) }, (bench) => runRace(bench, { length: LENGTH }));
  for await (const { lanes } of races) {
    for (const [column, images] of Object.entries(views)) {
      const { position } = lanes[column];
      images.update(lanes[column].images, position, `Ten digits that the ${column === 'linear' ? 'linear' : 'softmax'} model paints: ${integer(position)} of ${LENGTH} pixels`);
    }
  }
  figure.dataset.painted = 'yes';
}

