/** The rows of the table, most used first. */
import astro from './rows/astro.js';
import bare from './rows/bare_bundlers.js';
import next from './rows/next.js';
import node from './rows/node.js';
import pages from './rows/pages.js';
import parcel from './rows/parcel.js';
import typescript from './rows/typescript.js';
import vite from './rows/vite.js';
import webpack from './rows/webpack.js';
import workerd from './rows/workerd.js';

export const rows = [...vite, ...webpack, ...next, ...astro, ...bare, ...parcel, ...pages, ...node, ...workerd, ...typescript];
