// How long one more pixel takes, by position, for each way to remember; and what that makes in images a second.
import { columns, openStream } from '../digits/stream.js';
import { median } from './statistics.js';

export const rateColumns = Object.keys(columns);

const POSITIONS = 9;
const SAMPLES = 3;
/** Timed pixels lengthen the stream themselves: this many at each position, in all samples together. */
const MOST_STEPS = 48;
const STEPS = MOST_STEPS / SAMPLES;
const WARM_UP_STEPS = 200;
/** A pixel that takes this long is timed once. */
const LONG_MS = 60;

/**
 * Streams of every column, `batch` at a time. Their pixels are blank: the time of a pixel does not depend on its level.
 * @param {Record<string, object>} models by kind
 * @param {{ batch: number, compared?: Record<string, { model: string, memory: string }> }} options compared: the columns
 */
export function digitBench(models, { batch, compared = columns }) {
  const names = Object.keys(compared);
  const streams = {};
  const dispose = () => Object.values(streams).forEach((stream) => stream.dispose());
  try {
    for (const column of names) streams[column] = openStream(models[compared[column].model], { batch, memory: compared[column].memory });
  } catch (error) {
    dispose();
    throw error;
  }
  const blank = (count) => new Int32Array(batch * count);
  const one = blank(1);

  /** Brings a stream that remembers to `position`, or a few pixels past it. */
  const seek = (stream, position) => {
    if (stream.position > position + MOST_STEPS - STEPS) stream.reset();
    if (stream.position < position) stream.feed(blank(position - stream.position));
  };
  const step = {
    /** A recomputing stream has no past to prepare: one more pixel is all pixels again. */
    tokens(stream, position) {
      stream.reset();
      stream.feed(blank(position + 1));
    },
    state: (stream) => stream.feed(one),
    cache: (stream) => stream.feed(one),
  };
  const time = ({ column, position, steps }) => {
    const stream = streams[column];
    const { memory } = compared[column];
    if (memory !== 'tokens') seek(stream, position);
    const start = performance.now();
    for (let i = 0; i < steps; i++) step[memory](stream, position);
    return (performance.now() - start) / steps;
  };
  return {
    /** Milliseconds of one more pixel of all streams after `position` pixels, over `steps` of them. */
    time,
    /** Runs all columns until the engine has optimised them. */
    warmUp() {
      for (const column of names) {
        const cheap = compared[column].memory === 'tokens' ? 4 : WARM_UP_STEPS / batch;
        for (let done = 0; done < cheap; done += STEPS) time({ column, position: done, steps: Math.min(STEPS, cheap) });
      }
      return { bytes: Object.fromEntries(names.map((column) => [column, streams[column].bytes])) };
    },
    dispose,
  };
}

/**
 * Times a pixel at positions along an image of `length` pixels; many images that recompute, at every second position.
 * @param bench a digitBench, or the same methods returning promises
 * @yields {{ rows: object[], bytes: object, done: number, total: number }} rows are { column, batch, position, ms }:
 *   position is the middle of the timed pixels, ms of one pixel of the whole batch
 */
export async function* sweepDigits(bench, { batch, length, signal, compared = columns }) {
  const names = Object.keys(compared);
  const { bytes } = await bench.warmUp();
  const rows = [];
  for (let index = 0; index < POSITIONS; index++) {
    const position = Math.round(((length - MOST_STEPS) * index) / (POSITIONS - 1));
    const samples = Object.fromEntries(names.map((column) => [column, []]));
    for (let round = 0; round < SAMPLES; round++) {
      for (const column of names) {
        if (signal?.aborted) return;
        const recomputes = compared[column].memory === 'tokens';
        if (recomputes && (samples[column][0] > LONG_MS || (batch > 1 && index % 2 === 1))) continue;
        samples[column].push(await bench.time({ column, position: recomputes ? position + MOST_STEPS / 2 : position, steps: recomputes ? 1 : STEPS }));
      }
    }
    for (const column of names) {
      if (samples[column].length > 0) rows.push({ column, batch, position: position + MOST_STEPS / 2, ms: median(samples[column]) });
    }
    yield { rows, bytes, done: index + 1, total: POSITIONS };
  }
}

/** Milliseconds of a whole image (of the batch): the timed positions joined by straight lines, which go on at both ends. */
export function imageTime(rows, length) {
  if (rows.length < 2) return rows.length === 1 ? rows[0].ms * length : NaN;
  let total = 0;
  for (let t = 0, after = 1; t < length; t++) {
    while (after < rows.length - 1 && rows[after].position < t) after++;
    const [a, b] = [rows[after - 1], rows[after]];
    total += Math.max(0, a.ms + ((b.ms - a.ms) * (t - a.position)) / (b.position - a.position));
  }
  return total;
}

/** Images a second of one column, from its rows. */
export const imagesPerSecond = (rows, length) => (1000 * rows[0].batch) / imageTime(rows, length);

/** Rates of every column at one batch, measured to the end. */
export async function measureRates(models, batch, compared = columns) {
  const bench = digitBench(models, { batch, compared });
  const { length } = models.linear.sizes;
  let report;
  try {
    for await (report of sweepDigits(bench, { batch, length, compared }));
  } finally {
    bench.dispose();
  }
  return Object.keys(compared).map((column) => {
    const rows = report.rows.filter((row) => row.column === column);
    return {
      column,
      batch,
      imagesPerSecond: imagesPerSecond(rows, length),
      firstPixelMs: rows[0].ms,
      lastPixelMs: rows.at(-1).ms,
      bytesPerStream: report.bytes[column],
    };
  });
}
