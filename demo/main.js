// Puts the page together: state, worker, figures.
import './style.css';
import { convertFigure } from './figures/convert.js';
import { digitsFigure } from './figures/digits.js';
import { featuresFigure } from './figures/features.js';
import { gapFigure } from './figures/gap.js';
import { headline } from './figures/headline.js';
import { kernelFigure } from './figures/kernel.js';
import { livingPicture } from './figures/living.js';
import { machineFigure } from './figures/machine.js';
import { memoryFigure } from './figures/memory.js';
import { remedyFigure } from './figures/remedy.js';
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
lab.ready.catch((error) => {
  find('#failure').hidden = false;
  find('#first').hidden = true;
  find('#failure .reason').textContent = error.message;
});
// What could not be loaded is said above.
const first = headline(find('#headline'), { lab }).catch(() => {});
livingPicture(find('#living'), { lab, weightsWanted: first });

const figures = [
  [machineFigure, '#figure-machine'],
  [kernelFigure, '#figure-kernel'],
  [weightsFigure, '#weights'],
  [gapFigure, '#figure-gap'],
  [remedyFigure, '#figure-remedy'],
  [convertFigure, '#figure-convert'],
  [memoryFigure, '#figure-memory'],
  [featuresFigure, '#figure-features'],
  [timeFigure, '#figure-time'],
  [streamFigure, '#figure-stream'],
  [digitsFigure, '#figure-digits'],
];
/** Each in a task of its own, so that the page answers between them. */
for (const [create, selector] of figures) {
  await new Promise((resolve) => setTimeout(resolve));
  state.subscribe(create(find(selector), { state, lab, first }));
}

for (const button of document.querySelectorAll('[data-new-seed]')) {
  button.addEventListener('click', () => state.set({ [button.dataset.newSeed]: crypto.getRandomValues(new Uint32Array(1))[0] }));
}
document.documentElement.dataset.ready = 'yes';
