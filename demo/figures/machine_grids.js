// The numbers of q, k and v as fields to edit: one stop for the Tab key, arrow keys inside.
import { dim, tokens } from '../measure/machine.js';
import { tint } from '../plots/matrix.js';

const LARGEST = 9.9;
const names = { q: 'query', k: 'key', v: 'value' };
const columns = Object.keys(names).flatMap((role) => Array.from({ length: dim }, (_, i) => ({ role, i })));
const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

export function createGrids(container, { state }) {
  const table = document.createElement('table');
  table.className = 'grids';
  const head = table.createTHead().insertRow();
  head.append(cellOf('', 'td'), ...Object.entries(names).map(([role, name]) => Object.assign(cellOf(`${name} ${role}`, 'th'), { colSpan: dim, scope: 'colgroup', className: role })));
  const body = table.createTBody();
  const inputs = [];
  for (let t = 0; t < tokens; t++) {
    const row = body.insertRow();
    row.append(Object.assign(cellOf(String(t + 1), 'th'), { scope: 'row' }));
    for (const { role, i } of columns) {
      const input = document.createElement('input');
      Object.assign(input, { type: 'text', inputMode: 'decimal', tabIndex: inputs.length ? -1 : 0, maxLength: 4 });
      input.setAttribute('aria-label', `${names[role]} of token ${t + 1}, number ${i + 1}`);
      input.dataset.at = `${role} ${t * dim + i}`;
      row.insertCell().append(input);
      inputs.push(input);
    }
  }
  container.replaceChildren(table);

  const valueOf = (input) => {
    const [role, index] = input.dataset.at.split(' ');
    return state.values[`machine.${role}`][index];
  };
  const show = (input) => {
    const value = valueOf(input);
    input.value = String(value).replace('-', '−');
    input.setAttribute('aria-invalid', 'false');
    tint(input, value, 2.5, input.dataset.at[0]);
  };
  const update = () => inputs.filter((input) => input !== document.activeElement || input.getAttribute('aria-invalid') === 'false').forEach(show);

  table.addEventListener('change', ({ target }) => {
    const value = Number(target.value.replace('−', '-').replace(',', '.'));
    const valid = target.value.trim() !== '' && Math.abs(value) <= LARGEST;
    target.setAttribute('aria-invalid', String(!valid));
    if (!valid) return;
    const [role, index] = target.dataset.at.split(' ');
    const key = `machine.${role}`;
    state.set({ [key]: state.values[key].with(Number(index), Math.round(10 * value) / 10 + 0) });
    show(target);
  });
  table.addEventListener('focusin', ({ target }) => {
    if (!inputs.includes(target)) return;
    for (const input of inputs) input.tabIndex = input === target ? 0 : -1;
    target.select();
  });
  table.addEventListener('keydown', (event) => {
    const move = moves[event.key];
    if (!move || event.ctrlKey || event.metaKey || event.altKey) return;
    const at = inputs.indexOf(event.target);
    const [row, column] = [Math.floor(at / columns.length) + move[0], (at % columns.length) + move[1]];
    if (row < 0 || row >= tokens || column < 0 || column >= columns.length) return;
    event.preventDefault();
    inputs[row * columns.length + column].focus();
  });
  update();
  return {
    update,
    /** Marks the row of the present token. */
    mark: (t) => [...body.rows].forEach((row, i) => row.classList.toggle('present', i === t)),
  };
}

function cellOf(text, name) {
  const cell = document.createElement(name);
  cell.textContent = text;
  return cell;
}
