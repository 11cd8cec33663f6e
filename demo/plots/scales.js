// Colours of the heat maps: magma for weights, red–blue for differences, both safe for colour-blind eyes.
import { interpolateMagma, interpolateRdBu } from 'd3-scale-chromatic';
import { colour, isDark } from '../theme.js';

/**
 * Weights from 0 to `most` on a square-root scale (small weights would otherwise all look alike);
 * zero is near the page's background in both themes.
 */
export function weightScale(most) {
  const share = (value) => Math.sqrt(Math.min(1, Math.max(0, value / most)));
  return (value) => (isDark() ? interpolateMagma(0.06 + 0.94 * share(value)) : interpolateMagma(1 - 0.94 * share(value)));
}

/** Signed values from −most to most: red above zero, blue below, the page's surface at zero. */
export function signedScale(most) {
  const middle = parseHex(colour('surface'));
  const ends = isDark() ? [0.2, 0.8] : [0.1, 0.9];
  const poles = ends.map((end) => interpolateRdBu(end).match(/\d+/g).map(Number));
  return (value) => {
    if (!Number.isFinite(value)) return colour('text');
    const share = Math.min(1, Math.abs(value) / most) ** 0.5;
    const pole = poles[value > 0 ? 0 : 1];
    return `rgb(${middle.map((channel, i) => Math.round(channel + (pole[i] - channel) * share)).join(' ')})`;
  };
}

/** A CSS gradient through a scale from `least` to `most`. */
export function gradientOf(scale, least, most) {
  const stops = Array.from({ length: 21 }, (_, i) => scale(least + ((most - least) * i) / 20));
  return `linear-gradient(to right, ${stops.join(', ')})`;
}

function parseHex(text) {
  return [1, 3, 5].map((start) => parseInt(text.slice(start, start + 2), 16));
}
