// Part of the remedy: all heads learn, layer after layer; then the softmax model is judged, and paints, as a linear one.
import { integer, number, percent } from '../format.js';
import { stepsOf, sweepConvert } from '../measure/convert.js';
import { layers } from '../measure/heads.js';
import { headCount } from '../measure/learned.js';
import { createChart } from '../plots/chart.js';
import { createImages } from '../plots/images.js';
import { shapes } from '../plots/markers.js';
import { createFrame, listItem } from './frame.js';
import { paintNeeded } from './lessons.js';
import { createMapFile } from './map_file.js';
import { createRun } from './run.js';

const SIDE = 28;
const LEARNED = 'state';
const ERROR = 'error of a layer’s heads on held-out digits';
/** What share of elu's loss must come back before what is painted looks like digits. */
const LEGIBLE = 0.85;
const settingNames = ['map', 'features', 'digits', 'painting', 'steps', 'seed'];

/** @returns {(changed: Set<string>) => void} update */
export function convertFigure(figure, { state, lab }) {
  let shown = { report: null, previous: null };
  let loaded = null;
  const chart = createChart(figure.querySelector('.layer-plot'), {
    x: { label: 'layer', format: integer, range: () => [0.5, layers.length + 0.5] },
    y: { label: ERROR, format: number, range: () => [0, 1.05] },
    height: 220,
  });
  const painted = figure.querySelector('.painted');
  const images = createImages(SIDE, { across: 5 });
  painted.append(images.canvas);
  const settings = () => {
    const all = state.pick('remedy');
    return { ...Object.fromEntries(settingNames.map((name) => [name, all[name]])), loaded };
  };
  const frame = createFrame(figure, {
    name: 'all-heads',
    state,
    rows: () => shown.report?.rows.map(({ map, layer, before, error, bits }) => ({ map, layer, before, error, bits, ...aboutOf(shown.report.settings) })) ?? [],
    picture: () => ({ title: 'The softmax model with a learned map for every head', charts: [chart.picture()], about: pictured(aboutOf(shown.report.settings)), remarks: sentences(shown.report).join(' ') }),
  });
  frame.again.textContent = 'Learn all heads';
  frame.again.addEventListener('click', () => (loaded = null));
  const mapFile = createMapFile(figure.querySelector('.map-file'), {
    lab,
    name: 'maps.safetensors',
    what: 'the maps',
    objection: ({ heads }) => (heads === headCount ? '' : 'it has the map of one head, which the figure above can load'),
    onLoad(file) {
      loaded = file;
      run.start();
    },
  });

  const draw = (next) => {
    shown = next;
    const { report } = next;
    chart.update({ series: seriesOf(report), summary: summaryOf(report) });
    figure.querySelector('.verdict').replaceChildren(...(report ? sentences(report, next.running) : []).map((text) => listItem(text)));
    mapFile.offer(report?.file ?? null);
    // An empty plot says nothing.
    figure.querySelector('.layer-plot').hidden = !report;
    painted.hidden = !report?.images;
    if (report?.images) images.update(report.images, report.position, `Ten digits, ${report.position} of ${SIDE * SIDE} pixels each, painted by the softmax model with learned maps`);
    frame.setTable(
      ['map', 'layer', 'error at first', 'learned', 'bits a pixel'],
      (report?.rows ?? []).map((row) => [row.map, row.layer === '' ? 'all' : integer(row.layer), ...[row.before, row.error, row.bits].map((value) => (value === '' ? '–' : number(value)))]),
    );
  };
  const run = createRun({
    frame,
    ready: lab.ready,
    settings,
    async *sweep({ loaded, ...options }, signal) {
      await lab.download(['softmax', 'painted', 'heldOut']);
      const say = (text) => signal.aborted || frame.setPhase('running', text);
      if (!loaded) for await (const { share } of paintNeeded(lab, options, { signal, say })) yield { rows: [], images: null, done: share, total: 1 };
      if (signal.aborted) return;
      yield* lab.bench('convert', options, (bench) => sweepConvert(bench, { ...options, loaded, signal }));
    },
    draw,
  });
  draw(shown);
  // A minute of work begins when it is asked for.
  lab.ready.then(
    () => frame.setPhase('waiting', ''),
    () => frame.setPhase('unavailable', 'The WebAssembly module did not load: see the top of the page.'),
  );
  return (changed) => {
    if (figure.dataset.state === 'running' && settingNames.some((name) => changed.has(`remedy.${name}`))) run.hold('Stopped: the settings have changed.');
  };
}

const aboutOf = ({ loaded, map, features, digits, painting, seed, ...rest }) =>
  loaded ? { loaded: loaded.name, learned: loaded.map, features: loaded.features } : { learned: map, features, digits, painting, steps: stepsOf(rest), seed };
/** Under the names that a picture has for them. */
const pictured = ({ learned, ...rest }) => ({ map: learned, ...rest });
const layersOf = (report) => (report?.rows ?? []).filter(({ layer }) => layer !== '');
const bitsOf = (report, map) => report.rows.find((row) => row.map === map && row.bits !== '')?.bits;

function seriesOf(report) {
  const points = (name) => layersOf(report).filter((row) => row[name] !== '').map((row) => ({ x: row.layer, y: Math.min(row[name], 1.05), value: row[name] }));
  return [
    { role: 'floor', label: 'at first', dash: [6, 4], points: points('before') },
    { role: LEARNED, label: 'learned', shape: shapes[LEARNED], points: points('error') },
  ];
}

function sentences(report, running = false) {
  const { settings, layer } = report;
  const { map, features } = settings.loaded ?? settings;
  const [softmax, elu, learned] = ['softmax', 'elu', 'learned'].map((map) => bitsOf(report, map));
  if (elu === undefined) return [];
  const whence = settings.loaded ? `, from ${settings.loaded.name}` : map.startsWith('learned') ? '' : ', learned';
  const list = [`Bits a pixel on held-out digits: ${softmax.toFixed(3)} with softmax, ${elu.toFixed(3)} with elu in place of every head${learned === undefined ? '.' : `, ${learned.toFixed(3)} with ${map} of ${integer(features)} features${whence}.`}`];
  if (running && layer > 0) list.push(`Layer ${layer} of ${layers.length} ${settings.loaded ? 'is judged' : 'learns'}.`);
  if (learned === undefined) return list;
  const regained = (elu - learned) / (elu - softmax);
  list.push(`The maps give back ${percent(regained)} of what elu loses.`);
  if (regained < LEGIBLE) list.push('The rest shows in what it paints: strokes, hardly digits. More features and painted digits, chosen above, come nearer; npm run learn takes more steps as well.');
  return list;
}

function summaryOf(report) {
  const all = layersOf(report);
  if (all.length === 0) return `${ERROR}: nothing learned yet.`;
  return `${ERROR}: ${all.map(({ layer, before, error }) => `layer ${layer} ${before === '' ? '' : `from ${number(before)} to `}${number(error)}`).join('; ')}.`;
}
