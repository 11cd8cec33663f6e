/** The little the oracle needs of tensors: float64 storage and rows of one head. */

export function zeros(shape) {
  return { data: new Float64Array(shape.reduce((a, b) => a * b, 1)), shape: [...shape] };
}

/** The rows of head h of batch b of [B, H, T, d]: views when x is float64, float64 copies otherwise. */
export function rowsOf({ data, shape }, b, h) {
  const [, H, T, d] = shape;
  const start = (b * H + h) * T * d;
  const head = data.subarray(start, start + T * d);
  const wide = data instanceof Float64Array ? head : Float64Array.from(head);
  return Array.from({ length: T }, (_, t) => wide.subarray(t * d, (t + 1) * d));
}

export function dot(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}
