// Figure "The remedy": a feature map is learned for one head, and its error falls below that of maps without weights.
import { integer, number, percent } from '../format.js';
import { isTrained } from '../measure/heads.js';
import { SHIPPED } from '../measure/lessons.js';
import { levels, sweepRemedy } from '../measure/remedy.js';
import { rowsOf } from '../measure/rows.js';
import { createChart } from '../plots/chart.js';
import { shapes } from '../plots/markers.js';
import { createFrame, listItem } from './frame.js';
import { createLessonsView, paintNeeded } from './lessons.js';
import { createMapFile } from './map_file.js';
import { createMatrices } from './remedy_matrices.js';
import { createPairs, pairsSentence } from './remedy_pairs.js';
import { createRun } from './run.js';
import { showSource } from './source.js';

const MEAN = 'mean of V';
const LEARNED_ERRORS = 'error on held-out inputs, ‖linear − softmax‖ / ‖softmax‖';
/** Whose colour and marker a learned map has: another than the same map without its weights. */
const LEARNED = 'state';

/** @returns {(changed: Set<string>) => void} update */
export function remedyFigure(figure, { state, lab }) {
  let shown = { report: null, previous: null };
  /** 'look' measures the levels, 'paint' paints lessons before, 'learn' learns from them after it. */
  let task = 'look';
  let loaded = null;
  const steps = () => state.values['remedy.steps'];
  const chart = createChart(figure.querySelector('.plot'), {
    x: { label: 'steps of learning', format: integer, range: () => [0, steps()] },
    y: { label: LEARNED_ERRORS, format: number, range: () => [0, mostOf([shown.report, shown.previous])] },
    height: 320,
  });
  const showLessons = createLessonsView(figure.querySelector('.lessons'));
  const showMatrices = createMatrices(figure);
  const pairs = createPairs(figure.querySelector('.pair-plot'));
  const frame = createFrame(figure, {
    name: 'remedy',
    state,
    rows: () => shown.report?.rows.map((row) => ({ ...row, ...aboutOf(shown.report.settings) })) ?? [],
    picture: () => ({ title: `A feature map learned for one head: ${(shown.report.settings.loaded ?? shown.report.settings).map}`, charts: [chart.picture(), pairs.picture()], about: aboutOf(shown.report.settings) }),
  });
  frame.again.textContent = 'Learn';
  frame.again.addEventListener('click', () => ([task, loaded] = ['learn', null]));
  const mapFile = createMapFile(figure.querySelector('.map-file'), {
    lab,
    name: 'map.safetensors',
    what: 'the map',
    onLoad(file) {
      [task, loaded] = ['look', file];
      run.start();
    },
  });

  const draw = (next) => {
    shown = next;
    const { report, previous, running } = next;
    chart.update({ series: [...seriesOf(previous, true), ...seriesOf(report, false)], summary: summaryOf(report) });
    const taught = [report, previous].find((one) => one?.lessons !== undefined);
    showLessons({ images: taught?.lessons, positions: taught?.positions, count: state.values['remedy.digits'] });
    mapFile.offer(report?.file ?? null);
    const seen = report?.softmax ? report : previous;
    showMatrices(seen);
    pairs.update(seen);
    figure.querySelector('.verdict').replaceChildren(...(report ? sentences(report, running) : []).map((text) => listItem(text)));
    frame.setTable(
      ['map', 'features', 'step', 'error', 'loss'],
      (report?.rows ?? []).map((row) => [row.map, row.features === '' ? '–' : integer(row.features), row.step === '' ? '–' : integer(row.step), number(row.error), row.loss === '' ? '–' : number(row.loss)]),
    );
  };
  const run = createRun({
    frame,
    ready: lab.ready,
    settings: () => ({ ...state.pick('remedy'), task, loaded }),
    async *sweep({ task, loaded, ...options }, signal) {
      if (isTrained(options.source)) {
        await lab.download(['softmax', 'painted', 'heldOut']);
        const say = (text) => signal.aborted || frame.setPhase('running', text);
        for await (const { images, positions, share } of task === 'look' ? [] : paintNeeded(lab, options, { signal, say })) yield { rows: [], lessons: images, positions, done: share, total: 1 };
        if (signal.aborted) return;
      }
      const wanted = task === 'learn';
      yield* lab.bench('remedy', options, (bench) => sweepRemedy(bench, { ...options, wanted, loaded, signal }));
    },
    draw,
  });
  const showControls = () => showSource(figure, isTrained(state.values['remedy.source']));
  showControls();
  draw(shown);
  run.start();
  return (changed) => {
    if (![...changed].some((key) => key.startsWith('remedy.'))) return;
    // Another head or map is not learned before it is asked for; a file of all heads has another head's map as well.
    const unpainted = changed.has('remedy.painting') || (changed.has('remedy.digits') && state.values['remedy.painting'] !== SHIPPED);
    task = unpainted ? 'paint' : 'look';
    if (loaded?.heads === 1 || [...changed].some((key) => key.startsWith('remedy.') && !['remedy.layer', 'remedy.head'].includes(key))) loaded = null;
    showControls();
    run.restart();
  };
}

const aboutOf = ({ loaded, source, layer, head, digits, painting, loss, seed }) => ({
  source,
  ...(isTrained(source) && { layer, head }),
  ...(loaded ? { loaded: loaded.name } : { ...(isTrained(source) && { digits, painting }), loss }),
  seed,
});
const curveOf = (report) => (report ? report.rows.filter(({ step }) => step !== '') : []);
const levelOf = (report, map) => rowsOf(report, { map, step: '' })[0];

/** Room for every level, and for a start that is not far beyond. */
function mostOf(reports) {
  const errors = reports.flatMap((report) => report?.rows ?? []).map(({ error }) => error);
  return Math.min(1.5, 1.1 * Math.max(0.5, ...errors));
}

function seriesOf(report, faint) {
  if (!report) return [];
  const { steps, loaded } = report.settings;
  const { map } = loaded ?? report.settings;
  const flat = (name) => {
    const level = levelOf(report, name);
    return level ? [0, steps].map((x) => ({ x, y: level.error })) : [];
  };
  return [
    { role: LEARNED, label: loaded ? `${map}, loaded` : `${map}, learning`, end: map, shape: shapes[LEARNED], faint, width: 3, points: loaded ? flat(map) : curveOf(report).map(({ step, error }) => ({ x: step, y: Math.min(error, 1.5), value: error })) },
    ...levels.map((name) => ({ role: name, label: name, shape: shapes[name], faint, points: flat(name) })),
    { role: 'floor', label: MEAN, dash: [6, 4], faint, points: flat(MEAN) },
  ];
}

function sentences(report, running) {
  const { settings, said } = report;
  const curve = curveOf(report);
  const known = levels.map((name) => levelOf(report, name)).filter(Boolean);
  if (known.length < levels.length) return [];
  const least = known.reduce((best, row) => (row.error < best.error ? row : best));
  const plain = `Of the maps that learn nothing, ${least.map} is nearest: its outputs are ${percent(least.error)} off; ${MEAN} is ${percent(levelOf(report, MEAN).error)} off.`;
  if (running && said.looked) return [plain, `Looking at what teaches: ${said.looked} of ${said.of}.`];
  const { loaded } = settings;
  const own = loaded && levelOf(report, loaded.map);
  if (own) return [plain, `${loaded.name} has ${loaded.map} of ${integer(loaded.features)} features, which is ${percent(own.error)} off: ${own.error < least.error ? 'below' : 'not below'} them all.`, pairsSentence(report)];
  if (curve.length === 0) return [plain, ...(running ? [] : ['Press Learn.'])];
  const best = Math.min(...curve.map(({ error }) => error));
  if (running) return [plain, `Step ${integer(curve.at(-1).step)} of ${integer(settings.steps)}: ${percent(curve.at(-1).error)} off.`];
  const verb = best < least.error ? 'below' : 'not below';
  const without = isTrained(settings.source) || best < least.error ? [] : [`Random numbers have nothing to learn but the kernel itself, and ${least.map} has more of that.`];
  return [plain, `In ${integer(curve.at(-1).step)} steps ${settings.map}, of ${integer(settings.features)} features, brought its outputs from ${percent(curve[0].error)} off to ${percent(best)}: ${verb} them all.`, pairsSentence(report), ...without];
}

function summaryOf(report) {
  const parts = seriesOf(report, false).filter(({ points }) => points.length);
  if (parts.length === 0) return 'Error against the steps of learning: not measured yet.';
  return `${LEARNED_ERRORS}: ${parts.map(({ label, points }) => (points[0].y === points.at(-1).y ? `${label} ${number(points[0].y)}` : `${label} from ${number(points[0].y)} to ${number(points.at(-1).value ?? points.at(-1).y)}`)).join('; ')}.`;
}
