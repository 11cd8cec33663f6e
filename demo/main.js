// Puts the page together: state, worker, figures.
import './style.css';
import { digitsFigure } from './figures/digits.js';
import { featuresFigure } from './figures/features.js';
import { gapFigure } from './figures/gap.js';
import { headline } from './figures/headline.js';
import { streamFigure } from './figures/stream.js';
import { timeFigure } from './figures/time.js';
import { weightsFigure } from './figures/weights.js';
import { createLab } from './lab.js';
import { createState } from './state.js';
import { bindThemeButton } from './theme.js';

const find = (selector) => document.querySelector(selector);

bindThemeButton(find('#theme'));
const state = createState();
const lab = createLab();
const context = { state, lab, tell: headline(find('#headline')) };

const updates = [
  weightsFigure(find('#weights'), context),
  gapFigure(find('#figure-gap'), context),
  featuresFigure(find('#figure-features'), context),
  timeFigure(find('#figure-time'), context),
  streamFigure(find('#figure-stream'), context),
  digitsFigure(find('#figure-digits'), context),
];
state.subscribe((changed) => updates.forEach((update) => update(changed)));

for (const button of document.querySelectorAll('[data-new-seed]')) {
  button.addEventListener('click', () => state.set({ [button.dataset.newSeed]: crypto.getRandomValues(new Uint32Array(1))[0] }));
}
lab.ready.catch((error) => {
  find('#failure').hidden = false;
  find('#headline').hidden = true;
  find('#failure .reason').textContent = error.message;
});
