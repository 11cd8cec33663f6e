// The marker of a series: a shape beside the colour, so that colour is never the only cue.

/** A closed path around (x, y) with the given radius, in canvas units. */
export function markerPath(shape, x, y, radius) {
  const path = new Path2D();
  const polygon = (...corners) => {
    corners.forEach(([dx, dy], i) => path[i ? 'lineTo' : 'moveTo'](x + dx * radius, y + dy * radius));
    path.closePath();
  };
  if (shape === 'circle') path.arc(x, y, radius, 0, 2 * Math.PI);
  else polygon(...CORNERS[shape]);
  return path;
}

const turned = (corners) => corners.map(([x, y]) => [y, x]);
const rotated = (corners, angle) =>
  corners.map(([x, y]) => [x * Math.cos(angle) - y * Math.sin(angle), x * Math.sin(angle) + y * Math.cos(angle)]);

const TRIANGLE = [
  [0, -1.2],
  [1.1, 0.9],
  [-1.1, 0.9],
];
const HOURGLASS = [
  [-1.1, -1.3],
  [1.1, -1.3],
  [0.25, 0],
  [1.1, 1.3],
  [-1.1, 1.3],
  [-0.25, 0],
];
const PLUS = [
  [-0.45, -1.35],
  [0.45, -1.35],
  [0.45, -0.45],
  [1.35, -0.45],
  [1.35, 0.45],
  [0.45, 0.45],
  [0.45, 1.35],
  [-0.45, 1.35],
  [-0.45, 0.45],
  [-1.35, 0.45],
  [-1.35, -0.45],
  [-0.45, -0.45],
];

const CORNERS = {
  square: [
    [-0.9, -0.9],
    [0.9, -0.9],
    [0.9, 0.9],
    [-0.9, 0.9],
  ],
  triangle: TRIANGLE,
  inverted: TRIANGLE.map(([x, y]) => [x, -y]),
  diamond: [
    [0, -1.3],
    [1.2, 0],
    [0, 1.3],
    [-1.2, 0],
  ],
  star: Array.from({ length: 10 }, (_, i) => rotated([[0, i % 2 ? -0.6 : -1.45]], (Math.PI * i) / 5)[0]),
  plus: PLUS,
  cross: rotated(PLUS, Math.PI / 4),
  post: [
    [-0.5, -1.4],
    [0.5, -1.4],
    [0.5, 1.4],
    [-0.5, 1.4],
  ],
  kite: [
    [0, -1],
    [1.1, -0.3],
    [0, 1.4],
    [-1.1, -0.3],
  ],
  hourglass: HOURGLASS,
  bow: turned(HOURGLASS),
  forward: TRIANGLE.map(([x, y]) => [-y, x]),
  backward: turned(TRIANGLE),
  slab: turned([
    [-0.5, -1.4],
    [0.5, -1.4],
    [0.5, 1.4],
    [-0.5, 1.4],
  ]),
  falling: [
    [-1.1, -1.1],
    [1.1, 1.1],
    [-1.1, 1.1],
  ],
  hexagon: Array.from({ length: 6 }, (_, i) => rotated([[0, -1.25]], (Math.PI * i) / 3)[0]),
  arrow: [
    [0, -1],
    [1, 0.6],
    [0.35, 0.6],
    [0.35, 1.6],
    [-0.35, 1.6],
    [-0.35, 0.6],
    [-1, 0.6],
  ],
};

/** What stands for a point beyond the plot, of any series. */
export const BEYOND = 'arrow';

/** The shape of each series, the same in every plot, and of no other series. */
export const shapes = {
  softmax: 'circle',
  elu: 'square',
  relu: 'triangle',
  identity: 'diamond',
  taylor: 'star',
  favor: 'inverted',
  independent: 'backward',
  hyperbolic: 'hourglass',
  rff: 'cross',
  dpfp: 'post',
  hedgehog: 'plus',
  cosformer: 'bow',
  state: 'forward',
  recomputed: 'kite',
  sum: 'slab',
  decay: 'falling',
  delta: 'hexagon',
};

/** The same shape as SVG markup of 12×12, for legends. */
export function markerSvg(shape) {
  if (shape === 'circle') return '<circle cx="15" cy="6" r="4"/>';
  return `<polygon points="${CORNERS[shape].map(([dx, dy]) => `${15 + 4 * dx},${6 + 4 * dy}`).join(' ')}"/>`;
}
