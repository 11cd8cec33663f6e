// Light and dark: the system's choice unless the reader made one; canvases read their colours here.
import { KEY } from './theme_start.js';

const order = ['auto', 'light', 'dark'];
const system = matchMedia('(prefers-color-scheme: dark)');
const listeners = new Set();
let colours = new Map();

/** A colour of the page by its role, for example 'softmax' or 'text'. */
export function colour(role) {
  if (!colours.has(role)) colours.set(role, getComputedStyle(document.documentElement).getPropertyValue(`--${role}`).trim());
  return colours.get(role);
}

export const isDark = () => document.documentElement.dataset.theme === 'dark';

/** Calls back whenever the colours have changed. */
export function onTheme(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** A button that steps through system, light and dark; the choice is kept in this browser. */
export function bindThemeButton(button) {
  const show = (forced) => {
    const theme = typeof forced === 'string' ? forced : stored();
    document.documentElement.dataset.theme = theme === 'auto' ? (system.matches ? 'dark' : 'light') : theme;
    button.textContent = `Theme: ${theme === 'auto' ? 'system' : theme}`;
    colours = new Map();
    for (const listener of listeners) listener();
  };
  button.addEventListener('click', () => {
    store(order[(order.indexOf(stored()) + 1) % order.length]);
    show();
  });
  system.addEventListener('change', show);
  // Paper is light.
  addEventListener('beforeprint', () => show('light'));
  addEventListener('afterprint', () => show());
  show();
}

let fallback = 'auto'; // storage may be forbidden

function stored() {
  try {
    const theme = localStorage.getItem(KEY);
    return order.includes(theme) ? theme : fallback;
  } catch {
    return fallback;
  }
}

function store(theme) {
  fallback = theme;
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // the choice then lasts as long as the page
  }
}
