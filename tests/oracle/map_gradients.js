/**
 * Feature maps in float64 with their derivatives, made of what the library is given: a name and options.
 *
 * A map is { arrays, apply(x, where) → φ(x), pull(x, d, where, into) → dx }: `d` is the gradient by φ(x). `arrays` are the
 * tensors of its options that are learned, and `pull` adds their gradients to the arrays of `into`, of the same names and
 * lengths. With the option isFixed it adds the sizes of terms, as if normalisers were constants: what cancels.
 * where: { as: 'query' | 'key', head, heads, position }, the head one of so many of the result or of k.
 */
import { randomRows } from './random.js';
import { dot } from './tensor.js';

const elementwise = (f, slope) => ({
  apply: (x) => Float64Array.from(x, f),
  pull: (x, d) => Float64Array.from(x, (a, i) => d[i] * slope(a)),
});

const elu = () => elementwise((a) => (a > 0 ? a + 1 : Math.exp(a)), (a) => (a > 0 ? 1 : Math.exp(a)));
const relu = () => elementwise((a) => Math.max(a, 0), (a) => (a > 0 ? 1 : 0));
const identity = () => elementwise((a) => a, () => 1);

/** What of x > 0 counts as itself, and of x < 0 with the other sign. */
const bothSigns = (x) => [...x.map((a) => Math.max(a, 0)), ...x.map((a) => Math.max(-a, 0))];

const dpfp = ({ nu = 1 }) => {
  const pairs = (size) => Array.from({ length: nu }, (_, j) => Array.from({ length: size }, (_, i) => [i, (i - j - 1 + size) % size])).flat();
  return {
    apply: (x) => {
      const y = bothSigns(x);
      return Float64Array.from(pairs(y.length), ([i, j]) => y[i] * y[j]);
    },
    pull: (x, d) => {
      const y = bothSigns(x);
      const dy = new Float64Array(y.length);
      pairs(y.length).forEach(([i, j], n) => {
        dy[i] += d[n] * y[j];
        dy[j] += d[n] * y[i];
      });
      return Float64Array.from(x, (a, i) => (a > 0 ? dy[i] : 0) - (a < 0 ? dy[x.length + i] : 0));
    },
  };
};

/** A map of x·d^(−1/4). */
const atTemperature = ({ apply, pull }) => {
  const scaled = (x) => Float64Array.from(x, (a) => a * x.length ** -0.25);
  return { apply: (x, where) => apply(scaled(x), where), pull: (x, d, where) => scaled(pull(scaled(x), d, where)) };
};

const taylor = () => atTemperature({
  apply: (x) => {
    const features = [1, ...x];
    for (let i = 0; i < x.length; i++) for (let j = i; j < x.length; j++) features.push(i === j ? (x[i] * x[i]) / Math.SQRT2 : x[i] * x[j]);
    return Float64Array.from(features);
  },
  pull: (x, d) => {
    const dx = Float64Array.from(x, (_, i) => d[1 + i]);
    let n = 1 + x.length;
    for (let i = 0; i < x.length; i++) {
      for (let j = i; j < x.length; j++, n++) {
        const weight = i === j ? d[n] / Math.SQRT2 : d[n];
        dx[i] += weight * x[j];
        dx[j] += weight * x[i];
      }
    }
    return dx;
  },
});

const cosformer = ({ maxLength }) => {
  const angle = ({ position }) => (Math.PI * (position + 1)) / (2 * maxLength);
  return {
    apply: (x, where) => {
      const y = Float64Array.from(x, (a) => Math.max(a, 0));
      return Float64Array.from([...y.map((a) => a * Math.sin(angle(where))), ...y.map((a) => a * Math.cos(angle(where)))]);
    },
    pull: (x, d, where) => Float64Array.from(x, (a, i) => (a > 0 ? d[i] * Math.sin(angle(where)) + d[x.length + i] * Math.cos(angle(where)) : 0)),
  };
};

/** The rows ω of a head, of a projection [rows, dim] or [heads, rows, dim] or of a seed. */
function drawnRows({ projection, features, seed = 0, orthogonal = true, dim, heads = 1 }, perRow) {
  const drawn = projection ? null : randomRows({ seed, heads, rows: (features ?? 4 * dim) / perRow, dim, orthogonal });
  const count = projection?.shape.length === 3 ? projection.shape[0] : drawn ? heads : 1;
  return (where) => {
    const head = Math.floor((where.head * count) / where.heads);
    if (drawn) return drawn[head];
    const rows = projection.shape.at(-2);
    return Array.from({ length: rows }, (_, r) => Float64Array.from(projection.data.subarray((head * rows + r) * dim, (head * rows + r + 1) * dim)));
  };
}

const favor = (options) => {
  const { hyperbolic = false, normTerm = true } = options;
  const rowsOf = drawnRows(options, hyperbolic ? 2 : 1);
  const signed = (where) => (hyperbolic ? [...rowsOf(where), ...rowsOf(where).map((row) => row.map((w) => -w))] : rowsOf(where));
  const apply = (x, where) => {
    const rows = signed(where);
    return Float64Array.from(rows, (row) => Math.exp(dot(row, x) - (normTerm ? dot(x, x) / 2 : 0)) / Math.sqrt(rows.length));
  };
  const pull = (x, d, where) => {
    const features = apply(x, where);
    const dx = new Float64Array(x.length);
    signed(where).forEach((row, f) => row.forEach((w, i) => (dx[i] += d[f] * features[f] * (w - (normTerm ? x[i] : 0)))));
    return dx;
  };
  return atTemperature({ apply, pull });
};

const rff = (options) => {
  const { gaussian = false } = options;
  const rowsOf = drawnRows(options, 2);
  const apply = (x, where) => {
    const angles = rowsOf(where).map((row) => dot(row, x));
    const amplitude = (gaussian ? 1 : Math.exp(dot(x, x) / 2)) / Math.sqrt(angles.length);
    return Float64Array.from([...angles.map((a) => amplitude * Math.cos(a)), ...angles.map((a) => amplitude * Math.sin(a))]);
  };
  const pull = (x, d, where) => {
    const features = apply(x, where);
    const rows = rowsOf(where);
    const dx = gaussian ? new Float64Array(x.length) : Float64Array.from(x, (a) => a * dot(d, features));
    rows.forEach((row, f) => row.forEach((w, i) => (dx[i] += w * (d[rows.length + f] * features[f] - d[f] * features[rows.length + f]))));
    return dx;
  };
  return atTemperature({ apply, pull });
};

/** softmax(y), clamped below, and its derivative: 0 where it is clamped; isFixed: as if its sum were a constant. */
function normalizedExp(y, isFixed) {
  const top = y.reduce((a, b) => Math.max(a, b), -Infinity);
  const terms = y.map((a) => Math.exp(a - top));
  const sum = terms.reduce((a, b) => a + b, 0);
  const p = terms.map((e) => e / sum);
  const pull = (d) => {
    const counted = d.map((a, i) => (p[i] < 1e-12 ? 0 : a));
    const mean = isFixed ? 0 : dot(counted, p);
    return p.map((a, i) => a * (counted[i] - mean));
  };
  return { features: p.map((a) => Math.max(a, 1e-12)), pull };
}

/** Features of y and the gradient by y: of the maps that are a function of y = xW + b. */
const OF_AFFINE = {
  relu: () => ({ apply: (y) => y.map((a) => Math.max(a, 0)), pull: (y, d) => y.map((a, i) => (a > 0 ? d[i] : 0)) }),
  exp: () => ({ apply: (y) => y.map(Math.exp), pull: (y, d) => y.map((a, i) => Math.exp(a) * d[i]) }),
  separate: (isFixed) => {
    const halves = (y) => [normalizedExp(y, isFixed), normalizedExp(y.map((a) => -a), isFixed)];
    return {
      apply: (y) => halves(y).flatMap(({ features }) => features),
      pull: (y, d) => {
        const [one, two] = halves(y).map(({ pull }, i) => pull(d.slice(i * y.length, (i + 1) * y.length)));
        return one.map((a, i) => a - two[i]);
      },
    };
  },
  joint: (isFixed) => {
    const whole = (y) => normalizedExp([...y, ...y.map((a) => -a)].map((a) => 2 * a), isFixed);
    return {
      apply: (y) => whole(y).features,
      pull: (y, d) => {
        const both = whole(y).pull(d);
        return y.map((_, i) => 2 * both[i] - 2 * both[y.length + i]);
      },
    };
  },
};

/** xW + b and its derivative by x, W and b, which keys have of their own where they were given. W is the identity where there is none. */
function affine(options, kind) {
  const { isFixed = false } = options;
  const { apply, pull } = OF_AFFINE[kind](isFixed);
  const sizeOf = isFixed ? Math.abs : (x) => x;
  const arrays = Object.fromEntries(['weights', 'bias', 'keyWeights', 'keyBias'].filter((name) => options[name]).map((name) => [name, options[name]]));
  /** Which array a role uses, and where in it a head's part begins. */
  const part = (name, rank, { as, head, heads }) => {
    const own = as === 'key' ? `key${name[0].toUpperCase()}${name.slice(1)}` : name;
    const used = arrays[own] ? own : name;
    if (!arrays[used]) return null;
    const { data, shape } = arrays[used];
    const count = shape.length > rank ? shape[0] : 1;
    const size = shape.slice(-rank).reduce((a, b) => a * b, 1);
    return { name: used, data, start: Math.floor((head * count) / heads) * size, columns: shape.at(-1) };
  };
  const project = (x, where) => {
    const [w, b] = [part('weights', 2, where), part('bias', 1, where)];
    const columns = w?.columns ?? x.length;
    return Array.from({ length: columns }, (_, c) => {
      const sum = w ? x.reduce((s, a, r) => s + a * w.data[w.start + r * columns + c], 0) : x[c];
      return sum + (b ? b.data[b.start + c] : 0);
    });
  };
  return {
    arrays,
    apply: (x, where) => Float64Array.from(apply(project(x, where))),
    pull: (x, d, where, into) => {
      const [w, b] = [part('weights', 2, where), part('bias', 1, where)];
      const dy = pull(project(x, where), Array.from(d));
      if (b) dy.forEach((a, c) => (into[b.name][b.start + c] += sizeOf(a)));
      if (!w) return Float64Array.from(dy);
      const at = (r, c) => w.start + r * w.columns + c;
      x.forEach((a, r) => dy.forEach((g, c) => (into[w.name][at(r, c)] += sizeOf(a * g))));
      return Float64Array.from(x, (_, r) => dy.reduce((sum, g, c) => sum + g * w.data[at(r, c)], 0));
    },
  };
}

const KINDS = {
  elu, relu, identity, dpfp, taylor, cosformer, favor, rff,
  hedgehog: (options) => affine(options, options.dialect ?? 'separate'),
  learned: (options) => affine(options, options.activation ?? 'relu'),
};

/** The map that attention.featureMap(name, { dim, ...options }) makes. */
export function differentiableMap(name, options = {}) {
  if (!KINDS[name]) throw new Error(`the oracle has no derivative of the feature map ${name}`);
  return { arrays: {}, ...KINDS[name](options) };
}
