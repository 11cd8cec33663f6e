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

const CORNERS = {
  square: [
    [-0.9, -0.9],
    [0.9, -0.9],
    [0.9, 0.9],
    [-0.9, 0.9],
  ],
  triangle: [
    [0, -1.2],
    [1.1, 0.9],
    [-1.1, 0.9],
  ],
  diamond: [
    [0, -1.3],
    [1.2, 0],
    [0, 1.3],
    [-1.2, 0],
  ],
  inverted: [
    [0, 1.2],
    [1.1, -0.9],
    [-1.1, -0.9],
  ],
  bar: [
    [-1.2, -0.5],
    [1.2, -0.5],
    [1.2, 0.5],
    [-1.2, 0.5],
  ],
  post: [
    [-0.5, -1.2],
    [0.5, -1.2],
    [0.5, 1.2],
    [-0.5, 1.2],
  ],
  kite: [
    [0, -1],
    [1.1, -0.3],
    [0, 1.4],
    [-1.1, -0.3],
  ],
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

/** The shape of each role, the same in every plot. */
export const shapes = {
  softmax: 'circle',
  elu: 'square',
  relu: 'triangle',
  identity: 'diamond',
  taylor: 'inverted',
  favor: 'circle',
  rff: 'bar',
  dpfp: 'post',
  hedgehog: 'kite',
  cosformer: 'arrow',
  independent: 'triangle',
  hyperbolic: 'diamond',
  state: 'square',
};

/** The same shape as SVG markup of 12×12, for legends. */
export function markerSvg(shape) {
  if (shape === 'circle') return '<circle cx="15" cy="6" r="4"/>';
  return `<polygon points="${CORNERS[shape].map(([dx, dy]) => `${15 + 4 * dx},${6 + 4 * dy}`).join(' ')}"/>`;
}
