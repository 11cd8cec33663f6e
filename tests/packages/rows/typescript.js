import { execute, tools } from '../scratch.js';
import { join } from 'node:path';
import { columns } from '../program.js';

/** What each entry promises, in types. */
const typed = (column) => `import { createAttention, AttentionError } from '${columns[column].entry}';
export async function run(): Promise<Float32Array> {
  const attention = await createAttention({ threads: ${columns[column].threads} });
  const tensor = { data: new Float32Array(64), shape: [1, 1, 8, 8] };
  const { data } = await attention.softmax(tensor, tensor, tensor, { causal: true });
  // @ts-expect-error: an option that there is not
  await attention.softmax(tensor, tensor, tensor, { casual: true });
  return data;
}
export const isOurs = (error: unknown): boolean => error instanceof AttentionError && error.code === 'disposed';
`;

const check = (compiler) => async (column, folder) => {
  await execute(folder, [join(tools, compiler), '--project', '.']);
  return 'compiled';
};
const settings = (options) => JSON.stringify({ compilerOptions: { noEmit: true, strict: true, skipLibCheck: false, target: 'es2022', lib: ['es2022', 'dom'], types: [], ...options }, files: ['main.ts'] });
const node16 = { module: 'node16', moduleResolution: 'node16' };
const bundler = { module: 'esnext', moduleResolution: 'bundler' };

export default [
  ['5.2', 'typescript52/bin/tsc'],
  ['7.0', 'typescript/bin/tsc'],
].flatMap(([version, compiler]) =>
  [['node16', node16], ['bundler', bundler]].map(([name, options]) => ({
    name: `TypeScript ${version}, ${name}`,
    files: (column) => ({ 'main.ts': typed(column), 'tsconfig.json': settings(options) }),
    ways: [{ run: check(compiler) }],
  })),
);
