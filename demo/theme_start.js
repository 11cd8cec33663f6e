// The theme of a page before its first paint.

/** Where this browser keeps the reader's choice. */
export const KEY = 'theme';

/** Runs in the head of each page, as text (build/theme.js): it uses nothing from around it. theme.js takes over from here. */
export function startTheme(key) {
  let theme;
  try {
    theme = localStorage.getItem(key);
  } catch {
    // storage may be forbidden
  }
  if (theme !== 'light' && theme !== 'dark') theme = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
  document.documentElement.dataset.theme = theme;
}
