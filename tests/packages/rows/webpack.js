import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { html, outcomeOf } from '../page.js';
import { program } from '../program.js';
import { tool } from '../scratch.js';

async function run(column, folder) {
  const { default: webpack } = await tool('webpack/lib/index.js');
  const dist = join(folder, 'dist');
  // webpack recommends pages of 244 KiB at the most, and warns of `inline`; that is no failure.
  const performance = { hints: false };
  const compiler = webpack({ mode: 'production', context: folder, entry: './main.js', output: { path: dist, filename: 'main.js' }, performance });
  const stats = await promisify(compiler.run.bind(compiler))();
  await promisify(compiler.close.bind(compiler))();
  const { errors, warnings } = stats.toJson({ all: false, errors: true, warnings: true });
  if (errors.length + warnings.length > 0) throw new Error([...errors, ...warnings].map(({ message }) => message).join('\n'));
  await writeFile(join(dist, 'index.html'), html());
  return outcomeOf(dist);
}

export default [{ name: 'webpack 5', files: (column) => ({ 'main.js': program(column) }), ways: [{ run }] }];
