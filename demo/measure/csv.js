// Rows of plain objects as RFC 4180 text.

/** The first row names the columns. `about` (where and when it was measured) is repeated on each row. */
export function toCsv(rows, about = {}) {
  if (rows.length === 0) return '';
  const columns = [...Object.keys(rows[0]), ...Object.keys(about)];
  const lines = rows.map((row) => columns.map((column) => cell(column in row ? row[column] : about[column])).join(','));
  return [columns.join(','), ...lines].join('\n') + '\n';
}

function cell(value) {
  const text = String(value ?? '');
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
