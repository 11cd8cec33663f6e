// The trick as shapes: (QKᵀ)V against Q(KᵀV), every matrix drawn to one scale.
import { integer, number } from '../format.js';

const [WIDTH, HEIGHT] = [560, 190];
const GAP = 12;

const rect = (x, width, height, role, name, strong) => {
  const y = (HEIGHT - height) / 2;
  const label = height > 22 && width > 46 ? `<text x="${x + width / 2}" y="${HEIGHT / 2 + 6}" class="inside">${name}</text>` : `<text x="${x + width / 2}" y="${y - 5}" class="${role}">${name}</text>`;
  return `<rect x="${x}" y="${y}" width="${width}" height="${height}" class="${role}${strong ? ' strong' : ''}"/>${label}`;
};

/** Matrices [name, role, rows, columns, strong] in a row. */
function rowOf(matrices, unit, label) {
  let x = 1;
  const drawn = matrices.map(([name, role, rows, columns, strong]) => {
    if (role === 'sign') {
      x += 22;
      return `<text x="${x - 11 - GAP / 2}" y="${HEIGHT / 2 + 6}" class="sign">${name}</text>`;
    }
    const shape = rect(x, columns * unit, rows * unit, role, name, strong);
    x += columns * unit + GAP;
    return shape;
  });
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${label}">${drawn.join('')}</svg>`;
}

export function createShapes(container, { state }) {
  const update = () => {
    const { T, d } = state.pick('machine');
    const unit = Math.min((HEIGHT - 48) / T, (HEIGHT - 48) / d, (WIDTH - 90) / (2 * T + 3 * d));
    const [softmax, linear] = [2 * T * T * d, 2 * T * d * d];
    const first = rowOf([['Q', 'q', T, d], ['Kᵀ', 'k', d, T], ['→', 'sign'], [`T × T`, 'softmax', T, T, true], ['V', 'v', T, d]], unit, `Q times K transposed makes a matrix of ${T} by ${T}, which then multiplies V`);
    const second = rowOf([['Kᵀ', 'k', d, T], ['V', 'v', T, d], ['→', 'sign'], [`S`, 'state', d, d, true], ['Q', 'q', T, d]], unit, `K transposed times V makes a matrix of ${d} by ${d}, which Q then multiplies`);
    const times = softmax / linear;
    container.innerHTML = `
      <div><p class="name">(<b class="q">Q</b><b class="k">K</b>ᵀ)<b class="v">V</b>: 2<i>T</i>²<i>d</i> = <strong class="softmax">${integer(softmax)}</strong> multiplications</p>${first}</div>
      <div><p class="name"><b class="q">Q</b>(<b class="k">K</b>ᵀ<b class="v">V</b>): 2<i>Td</i>² = <strong class="state">${integer(linear)}</strong>, ${times >= 1 ? `${number(times)} times fewer` : `${number(1 / times)} times as many`}</p>${second}</div>`;
  };
  update();
  return { update };
}
