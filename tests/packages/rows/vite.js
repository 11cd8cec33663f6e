import { join } from 'node:path';
import { html, isolation, outcomeAt, outcomeOf } from '../page.js';
import { program } from '../program.js';
import { scratch, tool, tools } from '../scratch.js';

const files = (column) => ({ 'index.html': html(), 'main.js': program(column) });

const built = (name) => async (column, folder) => {
  const { build } = await tool(`${name}/dist/node/index.js`);
  await build({ root: folder, configFile: false, logLevel: 'silent', build: { target: 'es2022' } });
  return outcomeOf(join(folder, 'dist'));
};

const served = (name, more = {}) => async (column, folder) => {
  const { createServer } = await tool(`${name}/dist/node/index.js`);
  const server = await createServer({ root: folder, configFile: false, logLevel: 'silent', cacheDir: join(folder, 'cache/.vite'), server: { host: '127.0.0.1', port: 0, headers: isolation, hmr: false, watch: null, fs: { allow: [scratch, tools] } }, ...more });
  try {
    await server.listen();
    return await outcomeAt(`http://127.0.0.1:${server.httpServer.address().port}/`);
  } finally {
    await server.close();
  }
};

export default [
  { name: 'Vite 8, build', files, ways: [{ run: built('vite') }] },
  { name: 'Vite 8, dev', files, ways: [{ run: served('vite') }, { needs: '`exclude`', run: served('vite', { optimizeDeps: { exclude: ['linear-attention-wasm'] } }) }] },
  { name: 'Vite 7, build', files, ways: [{ run: built('vite7') }] },
  { name: 'Vite 7, dev', files, ways: [{ run: served('vite7') }, { needs: '`exclude`', run: served('vite7', { optimizeDeps: { exclude: ['linear-attention-wasm'] } }) }] },
];
