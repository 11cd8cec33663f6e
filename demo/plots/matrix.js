// A small matrix as a table of coloured numbers.

/** The colour of a cell: the role's, paler towards 0, grey below it. */
export function tint(element, value, most, role) {
  const share = Math.min(1, Math.abs(value) / most) ** 0.8;
  element.style.background = value === 0 ? '' : `color-mix(in srgb, var(--${value < 0 ? 'muted' : role}) ${Math.round(42 * share)}%, transparent)`;
}

const text = (value) => (value === null ? '' : (Math.abs(value) < 10 ? value.toFixed(2) : value.toFixed(1)).replace('-', '−'));

/**
 * @param {HTMLElement} container
 * @param {{ name: string, label: string, rows: number, columns: number, role: string, most?: number }} options name: shown above,
 *   may hold markup; label: read out; most: the number of the full colour
 */
export function createMatrix(container, { name, label, rows, columns, role, most = 2.5 }) {
  const table = document.createElement('table');
  table.className = 'matrix';
  const caption = table.createCaption();
  caption.innerHTML = name;
  caption.setAttribute('aria-label', label);
  const cells = Array.from({ length: rows }, () => {
    const row = table.insertRow();
    return Array.from({ length: columns }, () => row.insertCell());
  }).flat();
  container.append(table);
  return {
    table,
    /** @param {ArrayLike<number> | null} values [rows, columns]; null empties it */
    update(values, scale = most) {
      cells.forEach((cell, i) => {
        const value = values ? values[i] : null;
        cell.textContent = text(value);
        cell.dataset.value = value ?? '';
        tint(cell, value ?? 0, scale, role);
      });
    },
  };
}
