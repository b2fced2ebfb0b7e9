// Bundles the page and gathers the documentation page, both into dist, so that the server serves them without any other site.
import { cpSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

await build({
  entryPoints: { page: here('page/main.tsx'), style: here('page/style.css') },
  outdir: here('dist/page/'),
  bundle: true,
  minify: true,
  platform: 'browser',
  target: 'es2022',
  format: 'esm',
  jsx: 'automatic',
  jsxImportSource: 'preact',
  logLevel: 'warning',
});
cpSync(here('page/index.html'), here('dist/page/index.html'));
cpSync(here('page/icon.svg'), here('dist/page/icon.svg'));

mkdirSync(here('dist/docs/'), { recursive: true });
const swagger = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));
for (const name of ['swagger-ui.css', 'swagger-ui-bundle.js']) cpSync(join(swagger, name), here(`dist/docs/${name}`));
cpSync(here('docs/'), here('dist/docs/'), { recursive: true });
cpSync(here('page/icon.svg'), here('dist/docs/icon.svg'));
