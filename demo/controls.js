// Ties form controls to the state: an element with data-key="gap.dim" shows and sets that property.
import { properties } from './state.js';

/** Binds every control below `root`, both ways. */
export function bindControls(root, state) {
  const show = [];
  for (const element of root.querySelectorAll('[data-key]')) {
    const key = element.dataset.key;
    show.push(bind(element, key, properties[key], state));
  }
  const showAll = () => show.forEach((update) => update());
  state.subscribe(showAll);
  showAll();
}

function bind(element, key, property, state) {
  if (element.localName === 'select') return bindSelect(element, key, property, state);
  if (element.localName === 'fieldset') return bindSet(element, key, state);
  if (element.localName === 'output') return () => (element.value = state.values[key]);
  if (element.type === 'checkbox') {
    element.addEventListener('change', () => state.set({ [key]: element.checked }));
    return () => (element.checked = state.values[key]);
  }
  return bindNumber(element, key, property, state);
}

function bindSelect(select, key, property, state) {
  if (select.options.length === 0) {
    for (const value of property.values) select.append(new Option(optionText(select, value), value));
  }
  select.addEventListener('change', () => {
    const value = property.read(select.value);
    if (value !== undefined) state.set({ [key]: value });
  });
  return () => (select.value = String(state.values[key]));
}

function optionText(select, value) {
  if (select.dataset.unit === 's') return `${value / 1000} s`;
  if (select.dataset.unit === '%') return `${value} %`;
  return typeof value === 'number' ? value.toLocaleString('en') : value;
}

/** Checkboxes of which at least one stays chosen. */
function bindSet(fieldset, key, state) {
  const boxes = [...fieldset.querySelectorAll('input')];
  fieldset.addEventListener('change', () => {
    const chosen = boxes.filter((box) => box.checked).map((box) => box.value);
    if (chosen.length > 0) state.set({ [key]: chosen });
  });
  return () => {
    const chosen = state.values[key];
    for (const box of boxes) {
      box.checked = chosen.includes(box.value);
      box.disabled = chosen.length === 1 && box.checked;
    }
  };
}

/** Changes of a slider that come this soon after one another are one step to go back. */
const ONE_STEP_MS = 1000;

/** A slider amends the view while dragged, and while keys move it, and adds one when let go. */
function bindNumber(input, key, property, state) {
  let dragging = false;
  let last = -Infinity;
  const set = (options) => {
    const value = property.read(input.value);
    input.setAttribute('aria-invalid', String(value === undefined));
    if (value !== undefined) state.set({ [key]: value }, options);
  };
  if (input.type === 'range') {
    input.addEventListener('input', () => {
      set({ step: !dragging && performance.now() - last > ONE_STEP_MS });
      dragging = true;
      last = performance.now();
    });
    input.addEventListener('change', () => (dragging = false));
  } else {
    input.addEventListener('change', () => set());
  }
  return () => {
    if (property.read(input.value) !== state.values[key]) input.value = state.values[key];
    input.setAttribute('aria-invalid', 'false');
  };
}
