// The page of a sequence that is cut over Web Workers.
import '../style.css';
import { createAttention } from 'linear-attention-wasm';
import { bytes, duration, integer, number } from '../format.js';
import { bindThemeButton } from '../theme.js';
import { boundOf, onePass } from './check.js';
import { rules } from './draw.js';
import { planJobs } from './plan.js';
import { faultsOf, runSegments } from './run.js';
import { openWorkers } from './workers.js';

const main = document.getElementById('segments');
const form = main.querySelector('form');
const [outcome, results, body, submit] = ['.outcome', '.results', 'tbody', 'button'].map((selector) => main.querySelector(selector));

/** One Worker, two, and as many as there are processors, eight at most. */
const counts = [...new Set([1, 2, Math.min(Math.max(navigator.hardwareConcurrency ?? 2, 2), 8)])];

function setState(state, text) {
  main.dataset.state = state;
  outcome.textContent = text;
  submit.disabled = state === 'running';
}

function addRow({ count, rate, stages, moved, errors }) {
  const row = body.insertRow();
  const cells = [count, integer(rate), duration(stages.states), duration(stages.rows), bytes(moved), number(errors['worst part'])];
  for (const text of cells) row.insertCell().textContent = text;
}

/** Runs with every number of Workers; returns what is said of it. */
async function run(attention) {
  const { tokens, parts, rule, kill } = Object.fromEntries(new FormData(form));
  const settings = { tokens: Number(tokens), parts: Number(parts), rule, heads: 1, dim: 64, seed: 1 };
  const plan = planJobs(settings);
  setState('running', 'One pass, not cut …');
  const whole = await onePass(attention, settings);
  const runs = [];
  for (const count of counts) {
    setState('running', `${count === 1 ? 'One Worker' : `${count} Workers`} …`);
    const one = await runSegments(openWorkers, attention, settings, plan, { count, kill: kill === 'on', whole });
    const faults = faultsOf(one, settings, plan, { kill: kill === 'on' });
    if (faults.length > 0) throw new Error(`Not right: ${faults.join('; ')}`);
    results.hidden = false;
    addRow(one);
    runs.push(one);
  }
  const [first, second] = runs;
  const said = first.killed === null ? `Two Workers are ${number(second.rate / first.rate)} times as fast as one.` : 'In each run a Worker ended in the middle of a job, and a new one did it: times include its start.';
  return `As one pass, within ${number(boundOf(settings))}. ${said}`;
}

async function start() {
  body.replaceChildren();
  let attention;
  try {
    attention = await createAttention();
    setState('done', await run(attention));
  } catch (error) {
    setState('error', error.message);
  } finally {
    attention?.dispose();
  }
}

for (const rule of Object.keys(rules)) form.rule.append(new Option(rule, rule));
bindThemeButton(document.getElementById('theme'));
form.addEventListener('submit', (event) => {
  event.preventDefault();
  start();
});
