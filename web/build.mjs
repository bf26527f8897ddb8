// Bundles the dashboard: node build.mjs OUT-FOLDER
import { build } from 'esbuild';
import { copyFileSync, mkdirSync, rmSync } from 'node:fs';

const out = process.argv[2] ?? 'dist';
rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
await build({
  entryPoints: { app: 'src/main.tsx' },
  bundle: true,
  format: 'esm',
  splitting: true,
  minify: true,
  target: ['es2022'],
  jsx: 'automatic',
  jsxImportSource: 'preact',
  chunkNames: 'chunks/[name]-[hash]',
  legalComments: 'linked',
  outdir: out,
  logLevel: 'warning',
});
copyFileSync('index.html', `${out}/index.html`);
copyFileSync('icon.svg', `${out}/icon.svg`);
