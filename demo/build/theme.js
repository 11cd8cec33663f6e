// For Vite: a script in each page's head, before any that is loaded, so that a dark page does not flash.
import { KEY, startTheme } from '../theme_start.js';

export const themeScript = () => ({
  name: 'theme-script',
  transformIndexHtml: {
    order: 'pre',
    handler: () => [{ tag: 'script', children: `(${startTheme})(${JSON.stringify(KEY)});`, injectTo: 'head' }],
  },
});
