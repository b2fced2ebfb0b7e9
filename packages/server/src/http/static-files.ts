import { createReadStream } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { extname, join, sep } from 'node:path';
import type { Extra } from './application.js';

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
  '.woff2': 'font/woff2',
  '.png': 'image/png',
};

/**
 * Serves the files of a directory below a path, `index.html` for the path itself.
 *
 * @param at Path with a slash at its end.
 */
export function staticFiles(at: string, directory: string, contentSecurityPolicy: string): Extra {
  return async (context, next) => {
    const isRead = context.method === 'GET' || context.method === 'HEAD';
    if (!isRead || !(context.path.startsWith(at) || `${context.path}/` === at)) return next();
    if (!context.path.startsWith(at)) {
      context.redirect(at);
      return;
    }
    const name = context.path.slice(at.length) || 'index.html';
    const type = types[extname(name)];
    if (!type || !/^[\w.-]+$/.test(name)) return next();
    const root = await realpath(directory);
    const file = await realpath(join(root, name)).catch(() => undefined);
    if (!file?.startsWith(root + sep)) return next();
    const { size, mtimeMs } = await stat(file);
    context.set('Content-Security-Policy', contentSecurityPolicy);
    context.set('Cache-Control', 'no-cache');
    context.etag = `${size}-${mtimeMs}`;
    context.status = 200;
    if (context.fresh) {
      context.status = 304;
      return;
    }
    context.type = type;
    context.length = size;
    context.body = createReadStream(file);
  };
}
