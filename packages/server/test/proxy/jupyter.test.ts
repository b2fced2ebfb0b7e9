import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { WebSocket } from 'ws';
import { ask, basePathOf, eventually, type Front, openSession, routeTo, startFront } from './support.js';

const token = 'the-jobs-own-token';

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function jupyterIsInstalled(): boolean {
  try {
    execFileSync('jupyter-notebook', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

async function startJupyter(basePath: string): Promise<number> {
  const port = await freePort();
  const directory = mkdtempSync(join(tmpdir(), 'uws-jupyter-'));
  for (const name of ['home', 'runtime', 'data', 'configuration', 'ipython', 'work']) mkdirSync(join(directory, name));
  const cell = { cell_type: 'code', execution_count: null, metadata: {}, outputs: [], source: ['print(6*7)'] };
  const notebook = { cells: [cell], metadata: {}, nbformat: 4, nbformat_minor: 4 };
  writeFileSync(join(directory, 'work', 'a notebook.ipynb'), JSON.stringify(notebook));
  const setting = {
    base_url: basePath,
    token,
    password: '',
    allow_remote_access: 'True',
    trust_xheaders: 'True',
    notebook_dir: join(directory, 'work'),
  };
  const child: ChildProcess = spawn(
    'jupyter-notebook',
    [
      '--no-browser',
      '--ip=127.0.0.1',
      `--port=${port}`,
      '--port-retries=0',
      '--allow-root',
      ...Object.entries(setting).map(([name, value]) => `--NotebookApp.${name}=${value}`),
    ],
    {
      stdio: 'ignore',
      env: {
        PATH: process.env.PATH,
        HOME: join(directory, 'home'),
        JUPYTER_CONFIG_DIR: join(directory, 'configuration'),
        JUPYTER_DATA_DIR: join(directory, 'data'),
        JUPYTER_RUNTIME_DIR: join(directory, 'runtime'),
        IPYTHONDIR: join(directory, 'ipython'),
      },
    },
  );
  const exited = new Promise((resolve) => child.once('exit', resolve));
  onTestFinished(async () => {
    child.kill('SIGTERM');
    await exited;
    rmSync(directory, { recursive: true, force: true });
  });
  return port;
}

/** Runs code in a kernel as a notebook page does, and gives what it prints. */
async function compute(front: Front, base: string, cookie: string, kernelId: string, code: string): Promise<string> {
  const session = randomUUID();
  const socket = new WebSocket(
    `ws://127.0.0.1:${front.port}${base}/api/kernels/${kernelId}/channels?session_id=${session}`,
    {
      headers: { cookie, origin: front.origin },
    },
  );
  const header = {
    msg_id: randomUUID(),
    username: 'test',
    session,
    date: new Date().toISOString(),
    msg_type: 'execute_request',
    version: '5.3',
  };
  const content = {
    code,
    silent: false,
    store_history: true,
    user_expressions: {},
    allow_stdin: false,
    stop_on_error: true,
  };
  socket.on('open', () =>
    socket.send(JSON.stringify({ channel: 'shell', header, parent_header: {}, metadata: {}, content, buffers: [] })),
  );
  let printed = '';
  await new Promise<void>((resolve, reject) => {
    socket.on('error', reject);
    socket.on('message', (data) => {
      const { header, content, parent_header } = JSON.parse(String(data));
      if (header.msg_type === 'stream') printed += content.text;
      if (header.msg_type === 'error') reject(new Error(content.evalue));
      if (content.execution_state === 'idle' && parent_header.msg_type === 'execute_request' && printed !== '')
        resolve();
    });
  });
  socket.close();
  return printed.trim();
}

test('a notebook of a real Jupyter opens with a ticket, and its kernel computes over a WebSocket', async () => {
  if (!jupyterIsInstalled())
    throw new Error('This test needs Jupyter: apt-get install -y jupyter-notebook python3-ipykernel');
  const base = basePathOf(routeTo(0));
  const port = await startJupyter(base);
  const route = routeTo(port);
  const front = await startFront([route], { limits: { pingIntervalMs: 100 } });
  const session = await openSession(front, route);
  await expect
    .poll(async () => (await ask(front, `${base}/api`, { headers: { cookie: session } })).status, {
      timeout: 30_000,
      interval: 200,
    })
    .toBe(200);

  const { url_path } = front.proxy.addressOf(route, '/', { token, uws_ticket: front.ticketOf(route) });
  const [start, query] = url_path.split('?');
  const jar = new Map<string, string>();
  const cookies = () => [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
  // With one slash: that Jupyter Notebook 6 itself answers 404 to `tree//name` is not for the proxy to hide.
  let at = `${start}/tree/a%20notebook.ipynb?${query}`;
  let page = await ask(front, at);
  for (let hops = 0; hops < 6; hops++) {
    for (const cookie of page.headers['set-cookie'] ?? []) {
      expect(cookie).toMatch(new RegExp(`; Path=${base}(/|;|$)`));
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
      jar.set(name, value);
    }
    if (page.status !== 302) break;
    at = new URL(page.headers.location ?? '', front.origin + at).href.slice(front.origin.length);
    page = await ask(front, at, { headers: { cookie: cookies(), accept: 'text/html' } });
  }
  expect(page.status, page.body).toBe(200);
  expect(page.body).toContain('data-notebook-path="a%20notebook.ipynb"');
  expect(at).not.toContain('uws_ticket');

  // From here on with cookies alone, ours and Jupyter's own, as the page in a browser does.
  const xsrf = jar.get('_xsrf') ?? '';
  const kernel = await ask(front, `${base}/api/kernels`, {
    method: 'POST',
    headers: {
      cookie: cookies(),
      origin: front.origin,
      referer: front.origin + at,
      'x-xsrftoken': xsrf,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ name: 'python3' }),
  });
  expect(kernel.status, kernel.body).toBe(201);
  const { id } = JSON.parse(kernel.body);
  expect(await compute(front, base, cookies(), id, 'import time\nfor n in range(3): time.sleep(.2)\nprint(6*7)')).toBe(
    '42',
  );
  expect(front.proxy.metrics().pingsTotal).toBeGreaterThan(0);
  const big = await compute(front, base, cookies(), id, "print('x' * 300000)");
  expect(big).toBe('x'.repeat(300_000));
  await eventually('no WebSocket is left', () => front.proxy.metrics().openSockets === 0);
}, 90_000);
