/** Rows of length 1, as the delta rules want their keys; the tensor that was given stays as it is. */
export function unitRows({ data, shape }) {
  const width = shape.at(-1);
  const rows = data.slice();
  for (let at = 0; at < rows.length; at += width) {
    const row = rows.subarray(at, at + width);
    const norm = Math.hypot(...row);
    for (let i = 0; i < width; i++) row[i] /= norm;
  }
  return { data: rows, shape };
}
