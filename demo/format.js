// Numbers as people read them.

/** 1,024 */
export const integer = (value) => Math.round(value).toLocaleString('en');

/** Three significant digits, no exponent where a plain number is short. */
export function number(value) {
  if (value === null || value === undefined) return '–';
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'not a number' : value > 0 ? '∞' : '−∞';
  const size = Math.abs(value);
  const text =
    size !== 0 && (size < 1e-3 || size >= 1e5)
      ? exponential(value)
      : Number(value.toPrecision(3)).toLocaleString('en', { maximumFractionDigits: 6 });
  return text.replace('-', '−');
}

function exponential(value) {
  const [mantissa, exponent] = value.toExponential(1).split('e');
  return `${mantissa.replace('.0', '')}·10${superscript(exponent)}`.replace(/^(-?)1·/, '$1');
}

const SUPERSCRIPTS = { '-': '⁻', '+': '', ...Object.fromEntries([...'⁰¹²³⁴⁵⁶⁷⁸⁹'].map((digit, i) => [i, digit])) };
const superscript = (text) => [...text].map((character) => SUPERSCRIPTS[character]).join('');

const conjunction = new Intl.ListFormat('en-GB');

/** a, b and c */
export const list = (names) => conjunction.format(names);

/** Milliseconds as µs, ms or s. */
export function duration(ms) {
  if (ms === null || ms === undefined) return '–';
  if (ms < 1) return `${number(ms * 1000)} µs`;
  if (ms < 1000) return `${number(ms)} ms`;
  return `${number(ms / 1000)} s`;
}

/** Bytes in binary units. */
export function bytes(count) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  let value = count;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${number(value)} ${units[unit]}`;
}

/** A share as a percentage, or as a multiple where it is large. */
export function percent(share) {
  return share < 10 ? `${number(share * 100)} %` : `${number(share)} ×`;
}
