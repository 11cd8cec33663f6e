import { join } from 'node:path';
import { outcomeAt } from '../page.js';
import { program } from '../program.js';
import { bin, execute, serving, tools } from '../scratch.js';

const config = (more = '') => `import { fileURLToPath } from 'node:url';
const headers = [{ key: 'Cross-Origin-Opener-Policy', value: 'same-origin' }, { key: 'Cross-Origin-Embedder-Policy', value: 'require-corp' }];
export default {
  turbopack: { root: ${JSON.stringify(join(tools, '..'))} },
  headers: async () => [{ source: '/:path*', headers }],
  ${more}
};
`;
const layout = `export default ({ children }) => <html lang="en"><body>{children}</body></html>;\n`;

const client = (column) => ({
  'next.config.js': config(),
  'app/layout.jsx': layout,
  'app/page.jsx': `'use client';
import { useEffect } from 'react';
${program(column, (outcome) => `export default function Page() {
  useEffect(() => void ${outcome}.then((told) => (globalThis.outcome = told)), []);
  return <p>app</p>;
}`, { check: '../check.js' })}`,
});

const server = (more) => (column) => ({
  'next.config.js': config(more),
  'app/layout.jsx': layout,
  'app/page.jsx': 'export default () => <p>app</p>;\n',
  'app/told/route.js': `${program(column, (outcome) => `export const GET = async () => Response.json(await ${outcome});`, { check: '../../check.js' })}export const dynamic = 'force-dynamic';\n`,
});

const listening = /(http:\/\/127\.0\.0\.1:\d+)/;

/** Builds the app, starts it, and asks it. */
const run = (ask) => async (column, folder) => {
  await execute(folder, [bin('next'), 'build']);
  return serving(folder, [bin('next'), 'start', '--hostname', '127.0.0.1', '--port', '0'], listening, ask);
};

const askServer = async (url) => (await fetch(`${url}/told`)).json();

export default [
  { name: 'Next 16, client', files: client, ways: [{ run: run(outcomeAt) }] },
  {
    name: 'Next 16, server',
    files: server(''),
    ways: [
      { run: run(askServer) },
      { needs: '`serverExternalPackages`', files: server(`serverExternalPackages: ['linear-attention-wasm'],`), run: run(askServer) },
    ],
  },
];
