/** What gradients are compared on: golden cases by the names of the library, for it and for the oracle. */

const present = (object) => Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));

/** { name, options } of a golden case's feature map, as attention.featureMap() takes them. */
function mapOfGolden({ q, w, wq, bq, wk, bk }, { featureMap: name, activation, maxLength, hyperbolic }) {
  return { name, options: present({ dim: q.shape[3], weights: wq, bias: bq, keyWeights: wk, keyBias: bk, projection: w, activation, maxLength, hyperbolic }) };
}

/**
 * A case of golden/grad: { kind: 'softmax' | 'linear' | 'cross-entropy', q, k, v, dOut, map, options, initialState,
 * dFinalState, expected }, expected by the names of a result.
 */
export function goldenGradient({ in: x, out, params }) {
  const { kind, causal, normalize, scale, keyLengths } = params;
  return {
    kind,
    ...present({ q: x.q, k: x.k, v: x.v, dOut: x.do, initialState: x.initialState, dFinalState: x.dstate_out }),
    map: kind === 'softmax' ? null : mapOfGolden(x, params),
    options: present({ causal, normalize, scale, keyLengths, decay: x.g, beta: x.beta }),
    expected: present({
      dq: out.dq, dk: out.dk, dv: out.dv, dDecay: out.dg, dBeta: out.dbeta, dState: out.dinitialState,
      loss: out.loss, dWeights: out.dwq, dBias: out.dbq, dKeyWeights: out.dwk, dKeyBias: out.dbk,
    }),
  };
}
