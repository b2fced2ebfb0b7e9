import { createHash, randomUUID } from 'node:crypto';
import type { ApiError } from '../http/api-error.js';
import type { HttpRequest, HttpResponse } from './options.js';
import { hasBody } from './request-head.js';

/** An answer of the proxy itself, in place of the application's. */
export interface OwnAnswer {
  readonly status: number;
  /** Code of the specification. */
  readonly code: string;
  /** A sentence for a person: what is wrong and what to do next. */
  readonly message: string;
  /** Facts for a program, such as the numbers of a limit. */
  readonly details?: ApiError['details'];
  /** Time after which asking again makes sense; a page asks by itself. */
  readonly retryAfterSeconds?: number;
}

/** The answer that an error of the server asks for. */
export function answerOf({ status, code, message, details, headers }: ApiError): OwnAnswer {
  const retryAfter = headers['Retry-After'];
  return { status, code, message, details, ...(retryAfter !== undefined && { retryAfterSeconds: Number(retryAfter) }) };
}

/** To an address without a session, and to whoever shows that they are somebody else than its owner: they cannot tell which it is. */
export const gone: OwnAnswer = {
  status: 404,
  code: 'not_found',
  message: 'No session runs at this address. Its job may have ended; look at the list of workspaces.',
};

const forgettableBytes = 1024 * 1024;

const titles: Readonly<Record<number, string>> = {
  400: 'The request cannot be understood',
  401: 'Please open the session again',
  403: 'This session is not open to you',
  404: 'There is no such session',
  413: 'The request is too large',
  429: 'Too much at once',
  502: 'The session does not answer',
  503: 'The server is full',
  504: 'The session takes too long to answer',
};

const style = `:root{color-scheme:light dark;--ink:#1b2430;--soft:#566376;--paper:#f4f6f9;--card:#fff;--line:#dde3ea;--accent:#2457c5;--on:#fff}
@media(prefers-color-scheme:dark){:root{--ink:#e8edf4;--soft:#a3afbf;--paper:#12171e;--card:#1b222c;--line:#2d3744;--accent:#8fb4ff;--on:#0d1320}}
*{box-sizing:border-box}body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1.5rem;background:var(--paper);color:var(--ink);font:1rem/1.55 system-ui,sans-serif}
main{width:100%;max-width:34rem;padding:2rem;background:var(--card);border:1px solid var(--line);border-top:4px solid var(--accent);border-radius:.75rem}
h1{margin:0 0 .75rem;font-size:1.4rem;line-height:1.25}p{margin:0 0 1rem}nav{display:flex;flex-wrap:wrap;gap:.75rem;margin:1.5rem 0}
a{padding:.6rem 1.1rem;border:1px solid var(--accent);border-radius:.5rem;color:var(--accent);text-decoration:none;font-weight:600}a.first{background:var(--accent);color:var(--on)}
a:hover{text-decoration:underline}a:focus-visible{outline:3px solid var(--accent);outline-offset:3px}small{color:var(--soft);overflow-wrap:anywhere}`;

const policy = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'`,
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

/** Answers in our own name: a page where a person navigates, the API's envelope where a program asks. */
export function answer(request: HttpRequest, response: HttpResponse, own: OwnAnswer, homeUrl: string): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const earlier = response.getHeader('x-request-id');
  const requestId = typeof earlier === 'string' ? earlier : randomUUID();
  const page = isNavigation(request);
  const body = page ? pageOf(own, requestId, homeUrl) : envelopeOf(own, requestId);
  response.statusCode = own.status;
  response.setHeader('X-Request-Id', requestId);
  response.setHeader('Content-Type', page ? 'text/html; charset=utf-8' : 'application/json; charset=utf-8');
  response.setHeader('Cache-Control', 'no-store');
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.setHeader('Referrer-Policy', 'no-referrer');
  response.setHeader('Vary', 'Accept, Sec-Fetch-Mode');
  if (page) response.setHeader('Content-Security-Policy', policy);
  if (own.retryAfterSeconds !== undefined) response.setHeader('Retry-After', String(own.retryAfterSeconds));
  // A small body is read and forgotten, as ending the connection in the middle of it could lose the answer; a large one is not worth it.
  // Where a bad request ends, or one of whose head a part is unknown, is nothing to rely on.
  if (
    own.status === 400 ||
    own.status === 413 ||
    (hasBody(request) && !(Number(request.headers['content-length']) <= forgettableBytes))
  ) {
    response.setHeader('Connection', 'close');
  }
  response.end(body);
}

function isNavigation(request: HttpRequest): boolean {
  const mode = request.headers['sec-fetch-mode'];
  if (mode !== undefined) return mode === 'navigate';
  return request.headers.upgrade === undefined && (request.headers.accept ?? '').includes('text/html');
}

function envelopeOf(own: OwnAnswer, requestId: string): string {
  const { message, code, details } = own;
  return JSON.stringify({ success: false, message, error: { code, details }, request_id: requestId });
}

function pageOf(own: OwnAnswer, requestId: string, homeUrl: string): string {
  const title = titles[own.status] ?? 'Something went wrong';
  const again = own.retryAfterSeconds;
  const refresh = again === undefined ? '' : `<meta http-equiv="refresh" content="${again}">`;
  const retry = again === undefined ? '' : '<a class="first" href="">Try again now</a>';
  const hint = again === undefined ? '' : `<p role="status">This page asks again by itself every ${again} seconds.</p>`;
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">${refresh}<title>${title}</title><style>${style}</style></head>
<body><main><h1>${title}</h1><p>${escaped(own.message)}</p>${hint}<nav>${retry}<a href="${escaped(homeUrl)}">Go to your workspaces</a></nav><small>Request ${escaped(requestId)}</small></main></body></html>
`;
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
