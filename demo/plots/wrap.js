// Breaks a run of things of known widths into lines: words of a text, entries of a legend.

/**
 * @param {object[]} items
 * @param {(item) => number} widthOf
 * @param {{ room: number, gap: number }} line its width, and what separates two items of it
 * @returns {object[][]} the items of each line: as many as have room, and at least one
 */
export function wrap(items, widthOf, { room, gap }) {
  const lines = [];
  let used = Infinity;
  for (const item of items) {
    const width = widthOf(item);
    if (used + gap + width > room) {
      lines.push([]);
      used = -gap;
    }
    lines.at(-1).push(item);
    used += gap + width;
  }
  return lines;
}
