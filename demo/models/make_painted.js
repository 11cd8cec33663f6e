// Writes painted.u8: digits that the softmax model paints, each its class and its grey levels. node demo/models/make_painted.js
import { readFileSync, writeFileSync } from 'node:fs';
import { createAttention } from 'linear-attention-wasm';
import { createModel, digitBuild } from '../digits/model.js';
import { paintImages } from '../digits/paint.js';

/** As `npm run learn` paints them where nothing else is asked for. */
const painting = { count: 30, seed: 0 };

const at = (name) => new URL(name, import.meta.url);
const attention = await createAttention(digitBuild);
const model = createModel(attention, readFileSync(at('softmax.safetensors')));
const { images, classes } = paintImages(model, painting);
writeFileSync(at('painted.u8'), Buffer.concat(images.map((image, n) => Buffer.from([classes[n], ...image]))));
model.dispose();
attention.dispose();
