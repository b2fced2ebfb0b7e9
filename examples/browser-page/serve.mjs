// A stand-in for a portal: signs its one user in with its client token, and serves the page with the SDK bundled into it, on an origin of its own.
//   UWS_CLIENT_TOKEN=… node examples/browser-page/serve.mjs
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { UserWorkspaces } from '@user-workspaces/client';
import { build } from 'esbuild';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const baseUrl = process.env.UWS_URL ?? 'http://127.0.0.1:5050';
const port = Number(process.env.PORT ?? 8081);

const client = new UserWorkspaces({ baseUrl });
const user_info = { username: 'user', email: 'user@localhost' };
const { token } = await client.signIn({ client_token: process.env.UWS_CLIENT_TOKEN, user_info });
const { outputFiles } = await build({
  entryPoints: [here('page.js')],
  bundle: true,
  write: false,
  format: 'esm',
  platform: 'browser',
  target: 'es2022',
});

const answers = {
  '/': { type: 'text/html; charset=utf-8', content: await readFile(here('index.html')) },
  '/page.js': { type: 'text/javascript', content: outputFiles[0].contents },
  '/portal-session.json': { type: 'application/json', content: JSON.stringify({ baseUrl, token }) },
};
createServer((request, response) => {
  const answer = answers[request.url];
  if (answer) response.writeHead(200, { 'Content-Type': answer.type, 'Cache-Control': 'no-store' }).end(answer.content);
  else response.writeHead(404).end();
}).listen(port, '127.0.0.1', () => console.log(`The portal's page: http://127.0.0.1:${port}/`));
