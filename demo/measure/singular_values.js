// Squares of singular values, and what the best matrix of a rank leaves over (Eckart and Young 1936).

/** MMᵀ of the values [rows, columns], in float64. */
function gram(values, rows, columns) {
  const product = Array.from({ length: rows }, () => new Float64Array(rows));
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = 0;
      for (let c = 0; c < columns; c++) sum += values[i * columns + c] * values[j * columns + c];
      product[i][j] = product[j][i] = sum;
    }
  }
  return product;
}

/** The diagonal and the one beside it of a tridiagonal matrix with the eigenvalues of a symmetric one, which is overwritten. */
function tridiagonal(a) {
  const n = a.length;
  const beside = new Float64Array(n);
  const p = new Float64Array(n);
  for (let k = 0; k < n - 2; k++) {
    let square = 0;
    for (let i = k + 1; i < n; i++) square += a[i][k] ** 2;
    const alpha = a[k + 1][k] > 0 ? -Math.sqrt(square) : Math.sqrt(square);
    beside[k] = alpha;
    if (square === 0) continue;
    // A reflection by v turns what is below the diagonal of column k into (alpha, 0, 0, …).
    const v = new Float64Array(n);
    for (let i = k + 1; i < n; i++) v[i] = a[i][k];
    v[k + 1] -= alpha;
    const half = square - alpha * a[k + 1][k];
    if (half === 0) continue;
    let inner = 0;
    for (let i = k + 1; i < n; i++) {
      let sum = 0;
      for (let j = k + 1; j < n; j++) sum += a[i][j] * v[j];
      p[i] = sum / half;
      inner += p[i] * v[i];
    }
    for (let i = k + 1; i < n; i++) p[i] -= (inner / (2 * half)) * v[i];
    for (let i = k + 1; i < n; i++) for (let j = k + 1; j < n; j++) a[i][j] -= v[i] * p[j] + p[i] * v[j];
  }
  if (n > 1) beside[n - 2] = a[n - 1][n - 2];
  return { diagonal: Float64Array.from(a, (row, i) => row[i]), beside };
}

/** Eigenvalues of a tridiagonal matrix, by the QL algorithm with implicit shifts; both arguments are overwritten. */
function eigenvalues(d, e) {
  const n = d.length;
  for (let l = 0; l < n; l++) {
    for (let round = 0; round < 60; round++) {
      let m = l;
      while (m < n - 1 && Math.abs(e[m]) > Number.EPSILON * (Math.abs(d[m]) + Math.abs(d[m + 1]))) m++;
      if (m === l) break;
      let g = (d[l + 1] - d[l]) / (2 * e[l]);
      g = d[m] - d[l] + e[l] / (g + Math.sign(g || 1) * Math.hypot(g, 1));
      let [s, c, p] = [1, 1, 0];
      for (let i = m - 1; i >= l; i--) {
        const f = s * e[i];
        const b = c * e[i];
        const r = Math.hypot(f, g);
        e[i + 1] = r;
        if (r === 0) break;
        s = f / r;
        c = g / r;
        g = d[i + 1] - p;
        const t = (d[i] - g) * s + 2 * c * b;
        p = s * t;
        d[i + 1] = g + p;
        g = c * t - b;
      }
      d[l] -= p;
      e[l] = g;
      e[m] = 0;
    }
  }
  return d;
}

/** Squared singular values of values [rows, columns], the largest first. */
export function squaredSingularValues(values, rows, columns) {
  const { diagonal, beside } = tridiagonal(gram(values, rows, columns));
  return eigenvalues(diagonal, beside).map((value) => Math.max(0, value)).sort().reverse();
}

/** ‖M − best of a rank‖²: the sum of the squares beyond it. */
export const leftOver = (squares, rank) => squares.subarray(Math.min(rank, squares.length)).reduce((sum, square) => sum + square, 0);
