// Which jobs there are, and what each needs: parts are added up as halves of halves, and each is then answered from all before it.

/** The tree of parts from … to − 1: { name, from, children }, two children or none. */
function tree(from, to) {
  const middle = Math.ceil((from + to) / 2);
  return { name: `${from}-${to}`, from, children: to - from === 1 ? [] : [tree(from, middle), tree(middle, to)] };
}

/** The fewest nodes that are together all parts before one, in their order. */
function prefixOf({ children: [left, right] }, part) {
  if (!left) return [];
  return part < right.from ? prefixOf(left, part) : [left, ...prefixOf(right, part)];
}

/** All nodes, children before their parents. */
const nodesOf = (node) => [...node.children.flatMap(nodesOf), node];

/** The first token of a part, and of one that would follow the last, the number of tokens. */
export const tokenOf = ({ tokens, parts }, part) => Math.floor((tokens * part) / parts);

const namesOf = (nodes) => nodes.map(({ name }) => name);

/**
 * The jobs of both stages, { kind, name, part, needs }: `needs` names jobs whose results a job takes, in their order. Those of
 * `states` are a tree whose root is the last; `rows` needs them alone.
 */
export function planJobs({ parts }) {
  const root = tree(0, parts);
  const states = nodesOf(root).map(({ name, from, children }) => ({ kind: children.length > 0 ? 'merge' : 'absorb', name, part: from, needs: namesOf(children) }));
  const rows = Array.from({ length: parts }, (_, part) => ({ kind: 'answer', name: `rows ${part}`, part, needs: namesOf(prefixOf(root, part)) }));
  return { states, rows };
}

/** About how many bytes the saved states of a plan are: sums in two parts and the last 16 tokens, and with delta rules as much again. */
export const stateBytes = ({ heads, dim, parts }, hasMatrix) => (2 * parts - 1) * heads * 4 * (2 * dim ** 2 + 34 * dim) * (hasMatrix ? 2 : 1);
