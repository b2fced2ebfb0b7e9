import { readFile, rename } from 'node:fs/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build, type Plugin } from 'esbuild';

const cache = fileURLToPath(new URL('../../node_modules/.cache/uws-tests/', import.meta.url));

/** Native, or not installed and never asked for: drivers of other databases, accelerators, what tells of credentials of a cloud. */
const external = [
  '@lydell/node-pty',
  'libsql',
  'cpu-features',
  'better-sqlite3',
  'sqlite3',
  'mysql',
  'mysql2',
  'pg',
  'mariadb/callback',
  'oracledb',
  'tedious',
  'pg-native',
  'pg-query-stream',
];

/** Each file still finds what lies beside it: scripts, pages, packages. */
const places: Plugin = {
  name: 'places',
  setup({ onLoad }) {
    onLoad({ filter: /\.[cm]?js$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8');
      const names = [
        ...(/\b__filename\b/.test(text) ? [`var __filename = ${JSON.stringify(path)};`] : []),
        ...(/\b__dirname\b/.test(text) ? [`var __dirname = ${JSON.stringify(path.replace(/\/[^/]*$/, ''))};`] : []),
      ];
      const contents = text.replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path).href));
      return { contents: `${names.join(' ')}${contents.replace(/^#!.*/, '')}`, loader: 'js' };
    });
  },
};

/**
 * Puts a program and all that it loads, but for native parts, into one file: a start spends half its time on finding and reading 1,200 of them, which
 * counts where hundreds are started.
 *
 * @param program An ES module.
 * @param name Of the file that is made; whoever makes it at the same time makes the same.
 */
export async function inOneFile(program: string, name: string): Promise<string> {
  const file = `${cache}${name}.mjs`;
  const temporary = `${cache}${name}.${process.pid}.mjs`;
  await build({
    entryPoints: [program],
    outfile: temporary,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    external,
    plugins: [places],
    // Of CommonJS modules in it.
    banner: { js: "import { createRequire as make } from 'node:module'; const require = make(import.meta.url);" },
    logLevel: 'error',
  });
  await rename(temporary, file);
  return file;
}
