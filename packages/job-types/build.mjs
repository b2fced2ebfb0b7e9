// Bundles the programs that jobs run into dist/runtime: each one file, so that it can be copied to where jobs can read it.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

async function bundled(options) {
  const { outputFiles } = await build({ bundle: true, write: false, logLevel: 'warning', outdir: 'out', ...options });
  return (extension) => outputFiles.find(({ path }) => path.endsWith(extension)).text.trim();
}

/** The page in one file: its address may lack the trailing slash that relative addresses of further files would need. */
async function page() {
  const options = { minify: true, legalComments: 'inline', platform: 'browser', target: 'es2022', format: 'iife' };
  const script = await bundled({ ...options, entryPoints: [here('programs/terminal/page/page.ts')] });
  const css = ['@import "@xterm/xterm/css/xterm.css";', readFileSync(here('programs/terminal/page/page.css'), 'utf8')];
  const style = await bundled({
    ...options,
    stdin: { contents: css.join('\n'), loader: 'css', resolveDir: here('.'), sourcefile: 'page.css' },
  });
  const code = script('.js').replaceAll('</script', '<\\/script');
  const html = readFileSync(here('programs/terminal/page/index.html'), 'utf8');
  // Functions, since `$` means something in a replacement.
  return html
    .replace('</head>', () => `<style>${style('.css')}</style>\n</head>`)
    .replace('</body>', () => `<script>${code}</script>\n</body>`);
}

async function program(entry, define = {}) {
  const output = await bundled({
    entryPoints: [here(entry)],
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    // Native, so it stays a package of its own; the other two are optional accelerators of ws.
    external: ['@lydell/node-pty', 'bufferutil', 'utf-8-validate'],
    define,
  });
  return output('.js');
}

const directory = here('dist/runtime/');
mkdirSync(directory, { recursive: true });
/** Whole or not at all: tests build while others read. */
function write(name, content) {
  const temporary = `${directory}.${name}.${process.pid}`;
  writeFileSync(temporary, `${content}\n`);
  renameSync(temporary, directory + name);
}

write('terminal.cjs', await program('programs/terminal/server.ts', { PAGE_HTML: JSON.stringify(await page()) }));
write('files.cjs', await program('programs/files/server.ts'));
