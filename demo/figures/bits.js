// What the two digit models reached when they were trained: bits a pixel of held-out digits, and their size.
import { heldout_bits_dim_f16weights as linear, params, config } from '../models/result-linear.json';
import { heldout_bits_dim_f16weights as softmax } from '../models/result-softmax.json';
import { number, percent } from '../format.js';

/** As they are said. */
export const bits = {
  linear: linear.toFixed(3),
  softmax: softmax.toFixed(3),
  lost: percent(Number((linear / softmax - 1).toFixed(3))),
  about: `Each model has ${config.n_layers} layers and ${number(params / 1e6)} million weights.`,
};

/** Fills the places of a text that are marked with data-bits. */
export function fillBits(root) {
  for (const place of root.querySelectorAll('[data-bits]')) place.textContent = bits[place.dataset.bits];
}
