// The colours of the page: readable on its backgrounds, and told apart where they meet, also by deuteranopes.
import assert from 'node:assert';
import { readFileSync } from 'node:fs';
import { suite } from 'uvu';

const page = suite('demo page: colours');
const css = readFileSync(new URL('../demo/style/colours.css', import.meta.url), 'utf8');
const split = css.indexOf(":root[data-theme='dark']");
const themes = Object.fromEntries(
  [['light', css.slice(0, split)], ['dark', css.slice(split)]].map(([name, text]) => [name, Object.fromEntries([...text.matchAll(/--([\w-]+): (#[0-9a-f]{6});/g)].map(([, role, hex]) => [role, hex]))]),
);

/** What a plot shows at first, and of the features and the memory whatever can be chosen. */
const plots = {
  gap: ['softmax', 'elu', 'relu', 'taylor', 'favor', 'floor'],
  remedy: ['state', 'elu', 'favor', 'taylor', 'floor'],
  memory: ['sum', 'decay', 'delta', 'elu', 'dpfp', 'taylor', 'favor', 'softmax'],
  features: ['favor', 'independent', 'hyperbolic', 'rff', 'elu', 'taylor', 'floor'],
};
/** Shapes, dashes and names at the ends of lines tell them apart as well. */
const LEAST_DISTANCE = 0.035;

const linear = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
const luminance = (hex) => linear(hex).reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
const contrast = (a, b) => {
  const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (light + 0.05) / (dark + 0.05);
};
const times = (matrix, vector) => matrix.map((row) => row.reduce((sum, factor, i) => sum + factor * vector[i], 0));
/** Machado, Oliveira and Fernandes 2009, full severity. */
const deuteranope = (rgb) => times([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]], rgb).map((c) => Math.max(0, c));
/** Ottosson 2020. */
const oklab = (rgb) =>
  times([[0.2104542553, 0.793617785, -0.0040720468], [1.9779984951, -2.428592205, 0.4505937099], [0.0259040371, 0.7827717662, -0.808675766]],
    times([[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566], [0.0883024619, 0.2817188376, 0.6299787005]], rgb).map(Math.cbrt));
const distance = (a, b) => Math.hypot(...a.map((value, i) => value - b[i]));

page('every role has a colour in both themes, readable on the page', () => {
  assert.deepEqual(Object.keys(themes.light), Object.keys(themes.dark));
  for (const [theme, colours] of Object.entries(themes)) {
    for (const [role, hex] of Object.entries(colours)) {
      if (['background', 'surface', 'grid', 'control'].includes(role)) continue;
      assert.ok(contrast(hex, colours.background) >= 4.5, `${role} in ${theme}: ${contrast(hex, colours.background)}`);
    }
  }
});

page('no two series of a plot look alike, to deuteranopes neither', () => {
  for (const [theme, colours] of Object.entries(themes)) {
    for (const [plot, roles] of Object.entries(plots)) {
      for (const [i, a] of roles.entries()) {
        for (const b of roles.slice(0, i)) {
          for (const [eye, see] of [['any', (rgb) => rgb], ['a deuteranope’s', deuteranope]]) {
            const apart = distance(oklab(see(linear(colours[a]))), oklab(see(linear(colours[b]))));
            assert.ok(apart >= LEAST_DISTANCE, `${a} and ${b} of ${plot} in ${theme}, to ${eye} eye: ${apart.toFixed(3)}`);
          }
        }
      }
    }
  }
});

page.run();
