// Controls that belong to one source of q, k and v alone: random numbers, or a trained model.

/** Shows what belongs to the source, hides what belongs to the other. */
export function showSource(root, trained) {
  for (const element of root.querySelectorAll('[data-source]')) element.hidden = (element.dataset.source === 'trained') !== trained;
}
