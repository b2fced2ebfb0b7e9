// A notebook of a real Jupyter server, opened in a real browser at the address that the portal builds.
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startBrowser } from '../support/browser.js';
import { putAway } from '../support/put-away.js';
import { describeWith } from '../support/requirements.js';
import { type RunningServer, startServer } from '../support/server.js';
import { signIn, startSession, type User } from '../support/users.js';

const notebook = {
  cells: [{ cell_type: 'code', id: 'first', execution_count: null, metadata: {}, outputs: [], source: ['print(6*7)'] }],
  metadata: {
    kernelspec: { display_name: 'Python 3', language: 'python', name: 'python3' },
    language_info: { name: 'python' },
  },
  nbformat: 4,
  nbformat_minor: 5,
};

/** As the portal does it: split at "?", and put the notebook's path, which begins with a slash itself, after "/tree/". */
function addressOfPortal(domain: string, path: string, notebookPath: string): string {
  const [first, second] = (domain + path).split('?');
  return `${first}/tree/${notebookPath}?${second}`;
}

describeWith(['chromium', 'jupyter'], 'a notebook', () => {
  let server: RunningServer;
  let ada: User;
  let browser: Browser;

  beforeAll(async () => {
    [server, browser] = await Promise.all([startServer(), startBrowser()]);
    ada = await signIn(server);
  });

  afterAll(async () => {
    await browser?.close();
    expect(await putAway(server, [ada])).toEqual([]);
  });

  test('opens at the address with two slashes, and a cell computes over the WebSocket', {
    timeout: 90_000,
  }, async () => {
    const files = [{ name: 'analysis.ipynb', content: JSON.stringify(notebook) }];
    const { workspace, job } = await startSession(ada, { job_type: 'jupyter_lab' }, files);
    const answer: {
      data: {
        jobs: {
          job_details: { current_job_details: { connection_details: { url_domain: string; url_path: string } } };
        }[];
      };
    } = await (await ada.request(`/jobs/${job.id}`)).json();
    const connection = answer.data.jobs[0]?.job_details.current_job_details.connection_details;
    if (!connection) throw new Error('The running job has no connection details.');
    expect(connection.url_domain).toBe(server.baseUrl);
    expect(connection.url_path.split('?')).toHaveLength(2);
    const address = addressOfPortal(connection.url_domain, connection.url_path, '/analysis.ipynb');
    expect(address).toContain('/tree//analysis.ipynb?');

    const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
    const page = await context.newPage();
    const sockets: string[] = [];
    const refused: string[] = [];
    page.on('websocket', (socket) => {
      sockets.push(new URL(socket.url()).pathname);
      socket.on('socketerror', (error) => refused.push(error));
    });
    page.on('response', (response) => {
      // Notebook 6 asks for an extension that Debian packages apart.
      const isOptional = response.url().includes('/nbextensions/widgets/');
      if (response.status() >= 400 && !isOptional) refused.push(`${response.status()} ${response.url()}`);
    });
    await page.goto(address);
    await page.locator('.code_cell').waitFor();
    expect(page.url()).not.toContain('uws_ticket');
    await page.locator('.code_cell .CodeMirror').click();
    await page.locator('#kernel_indicator_icon.kernel_idle_icon').waitFor({ state: 'attached' });
    await page.keyboard.press('Shift+Enter');
    await page.locator('.output_stdout').getByText('42', { exact: true }).waitFor();
    expect(sockets).toEqual([
      expect.stringMatching(`^/passthrough/127.0.0.1/${job.id}/api/kernels/[0-9a-f-]+/channels$`),
    ]);
    expect(refused).toEqual([]);

    // What the kernel did is in the notebook that is saved into the workspace.
    await page.keyboard.press('Control+s');
    await expect
      .poll(() => ada.client.files.readText(workspace.id, 'analysis.ipynb'), { timeout: 10_000 })
      .toContain('"42\\n"');
    await context.close();

    // Without the cookie the same notebook stays shut.
    const stranger = await fetch(`${server.baseUrl}/passthrough/127.0.0.1/${job.id}/tree//analysis.ipynb`);
    expect(stranger.status).toBe(401);
  });
});
