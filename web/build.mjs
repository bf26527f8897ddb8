// Bundles the pages: node build.mjs DASHBOARD-FOLDER PLAYGROUND-FOLDER
import { build } from 'esbuild';
import { copyFileSync, mkdirSync, rmSync } from 'node:fs';

async function bundle(out, entry, page) {
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  await build({
    entryPoints: { app: entry },
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
  copyFileSync(page, `${out}/index.html`);
  copyFileSync('icon.svg', `${out}/icon.svg`);
}

await bundle(process.argv[2] ?? 'dist/web', 'src/main.tsx', 'index.html');
await bundle(process.argv[3] ?? 'dist/playground', 'src/playground/main.tsx', 'playground.html');
