import specification from '@user-workspaces/schema/openapi.json' with { type: 'json' };
import type { ServerOptions } from '../options.js';
import type { Extra } from './application.js';
import { staticFiles } from './static-files.js';

/** The page loads only what the server serves and talks only to it; sessions open in their own tabs. */
const pagePolicy =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self' ws: wss:; font-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** The documentation page builds its styles and workers at run time. */
const docsPolicy =
  "default-src 'none'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; connect-src 'self'; font-src 'self' data:; worker-src blob:; base-uri 'none'; frame-ancestors 'none'";

/** The specification and the pages for people, at their paths below the prefix. */
export function pages(
  options: Pick<ServerOptions, 'pageDirectory' | 'docsDirectory' | 'publicUrl'>,
  prefix: string,
): Extra[] {
  const text = JSON.stringify({ ...specification, servers: [{ url: options.publicUrl + prefix }] });
  const serveSpecification: Extra = async (context, next) => {
    if (context.path !== `${prefix}/openapi.json` || context.method !== 'GET') return next();
    context.type = 'application/json';
    context.body = text;
  };
  return [
    serveSpecification,
    ...(options.docsDirectory === undefined ? [] : [staticFiles(`${prefix}/docs/`, options.docsDirectory, docsPolicy)]),
    ...(options.pageDirectory === undefined ? [] : [staticFiles(`${prefix}/`, options.pageDirectory, pagePolicy)]),
  ];
}
