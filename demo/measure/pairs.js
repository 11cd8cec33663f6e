// What each pair of a query and a key counts: in softmax exp of its score, in linear attention a product of features.

/** q·k/√d of every pair of [1, 1, length, dim] each, [length, length]. */
export function scoresOf(q, k) {
  const [length, dim] = q.shape.slice(-2);
  const scores = new Float64Array(length * length);
  for (let i = 0; i < length; i++) {
    for (let j = 0; j < length; j++) {
      let sum = 0;
      for (let c = 0; c < dim; c++) sum += q.data[i * dim + c] * k.data[j * dim + c];
      scores[i * length + j] = sum / Math.sqrt(dim);
    }
  }
  return scores;
}

/**
 * The pairs in the order of their scores.
 * @param {ArrayLike<number>} scores [length, length] @param {ArrayLike<number>} weights linear attention's, of the same shape
 * @param {{ causal?: boolean }} [options] causal: only keys that a query sees; its first query, which sees one, is left out
 * @returns {Array<{ score, exact, linear, weight }>} exact is exp(score), linear φ(q)·φ(k) with one factor a query, so that
 *   both sum to the same over the keys; weight: softmax's
 */
export function pairsOf(scores, weights, { causal = false } = {}) {
  const length = Math.sqrt(scores.length);
  const rows = [];
  for (let i = causal ? 1 : 0; i < length; i++) {
    const keys = causal ? i + 1 : length;
    let sum = 0;
    for (let j = 0; j < keys; j++) sum += Math.exp(scores[i * length + j]);
    for (let j = 0; j < keys; j++) {
      const at = i * length + j;
      const exact = Math.exp(scores[at]);
      rows.push({ score: scores[at], exact, linear: weights[at] * sum, weight: exact / sum });
    }
  }
  return rows.sort((a, b) => a.score - b.score);
}

/** The factor by which a pair counts too much or too little, the geometric mean over pairs as softmax weighs them. */
export function factorOf(pairs) {
  const counting = pairs.filter(({ linear }) => linear > 0);
  const all = counting.reduce((sum, { weight }) => sum + weight, 0);
  return Math.exp(counting.reduce((sum, { exact, linear, weight }) => sum + weight * Math.abs(Math.log(linear / exact)), 0) / all);
}
