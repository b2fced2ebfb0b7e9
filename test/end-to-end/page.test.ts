// The page at `/` in a real browser: from the sign-in link to a shell that computes.
import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { startBrowser } from '../support/browser.js';
import { writeTestConfiguration } from '../support/configuration.js';
import { putAway } from '../support/put-away.js';
import { describeWith } from '../support/requirements.js';
import { type RunningServer, startServer, temporaryDirectory } from '../support/server.js';
import { signIn, startSession, type User } from '../support/users.js';

describeWith(['chromium'], 'the page', () => {
  let server: RunningServer;
  let user: User;
  let link: string;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  /** Every address that the browser asked for, and every message of the page about something wrong. */
  let requested: string[];
  let complaints: string[];

  beforeAll(async () => {
    const root = await temporaryDirectory();
    const [started, opened] = await Promise.all([
      writeTestConfiguration(root).then((configuration) =>
        startServer({
          dataDirectory: join(root, 'data'),
          env: { UWS_CONFIG: configuration, UWS_FIRST_USER: 'ada', UWS_FIRST_USER_EMAIL: 'ada@example.org' },
        }),
      ),
      startBrowser(),
    ]);
    server = started;
    browser = opened;
    user = await signIn(server, 'ada');
    link = /http:\S+#token=\S+/.exec(server.output())?.[0] ?? '';
    expect(link).not.toBe('');
  });

  afterAll(async () => {
    await browser?.close();
    expect(await putAway(server, [user])).toEqual([]);
  });

  beforeEach(async () => {
    context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'en-GB' });
    context.setDefaultTimeout(20_000);
    requested = [];
    complaints = [];
    context.on('request', (request) => requested.push(request.url()));
    context.on('console', (message) => {
      if (message.type() === 'error') complaints.push(`${message.text()} ${message.location().url}`);
    });
    context.on('weberror', (error) => complaints.push(String(error.error())));
    page = await context.newPage();
  });

  afterEach(async () => {
    await context.close();
  });

  async function create(name: string): Promise<void> {
    await page.getByRole('textbox', { name: 'Name' }).fill(name);
    await page.getByRole('button', { name: 'Create workspace' }).click();
    await card(name).waitFor();
  }

  function card(name: string) {
    return page.getByRole('listitem').filter({ has: page.getByRole('heading', { name }) });
  }

  /** Sets the page up to show `workspace` while a job of it runs. */
  async function openSession(name: string): Promise<Page> {
    const opening = context.waitForEvent('page');
    await card(name).getByRole('button', { name: 'Open session' }).click();
    return opening;
  }

  test('leads from the sign-in link into a terminal that computes, live and without a reload', async () => {
    await page.goto(link);
    await page.getByText('ada', { exact: true }).waitFor();
    await create('Kidney atlas');
    await card('Kidney atlas').getByLabel('Job type').selectOption({ label: 'Terminal' });
    await card('Kidney atlas').getByRole('button', { name: 'Start' }).click();
    const state = card('Kidney atlas').locator('.job .state');
    await state.getByText('Running').waitFor();
    expect(await card('Kidney atlas').getByText('active', { exact: true }).isVisible()).toBe(true);

    const terminal = await openSession('Kidney atlas');
    await terminal.getByText('Connected').waitFor();
    await terminal.keyboard.type('echo the answer is $((6*7))\n');
    await terminal.locator('.xterm-rows').getByText('the answer is 42', { exact: true }).waitFor();
    expect(await terminal.locator('.xterm-rows').innerText()).not.toContain('I have no name');
    expect(await terminal.evaluate(() => window.opener)).toBeNull();
    await terminal.close();

    await card('Kidney atlas').getByRole('button', { name: 'Stop' }).click();
    await state.getByText('Ended').waitFor();
    expect(await card('Kidney atlas').getByRole('button', { name: 'Open session' }).count()).toBe(0);
    expect(complaints).toEqual([]);
  });

  test('keeps the token out of addresses, history and cookies', async () => {
    await page.goto(link);
    await page.getByRole('button', { name: 'Sign out' }).waitFor();
    const token = link.split('token=')[1] ?? '';
    expect(page.url()).toBe(`${server.baseUrl}/`);
    expect(await page.evaluate(() => history.length)).toBeLessThanOrEqual(2);
    expect(await context.cookies()).toEqual([]);
    expect(requested.filter((url) => url.split('#')[0]?.includes(token))).toEqual([]);
    expect(await page.evaluate(() => [document.cookie, localStorage.length])).toEqual(['', 0]);

    // The session's cookie belongs to the session alone, and opens nothing of the API.
    const { session } = await startSession(user, { job_type: 'terminal' });
    const terminal = await context.newPage();
    await terminal.goto(session.url);
    const cookies = await context.cookies();
    expect(cookies).toMatchObject([{ path: new URL(session.url).pathname, httpOnly: true, sameSite: 'Lax' }]);
    expect(terminal.url()).not.toContain('uws_ticket');
    const answer = await terminal.evaluate(async () => (await fetch('/workspaces/')).status);
    expect(answer).toBe(401);

    // Another tab is signed out: what is kept belongs to this one.
    const other = await context.newPage();
    await other.goto(`${server.baseUrl}/`);
    await other.getByLabel('Sign-in link or token').waitFor();
  });

  test('signs out for good, and in again by a pasted link', async () => {
    const mine = await user.client.signIn({
      client_token: server.clientToken,
      user_info: { username: 'ada', email: 'ada@example.org' },
    });
    const pasted = `${server.baseUrl}/#token=${mine.token}`;
    await page.goto(`${server.baseUrl}/`);
    await page.getByLabel('Sign-in link or token').fill(pasted);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('Sign-in link or token').fill(pasted);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('alert').getByText(/token/i).waitFor();
    user = await signIn(server, 'ada');
  });

  test('works from the keyboard alone', async () => {
    await page.goto(link);
    await page.getByRole('textbox', { name: 'Name' }).waitFor();
    /** Moves on to what has this accessible name, as somebody without a mouse does. */
    const tabTo = async (name: RegExp): Promise<void> => {
      const seen: string[] = [];
      for (let step = 0; step < 60; step++) {
        await page.keyboard.press('Tab');
        const [label, visible] = await page.evaluate(() => {
          const element = document.activeElement;
          if (!(element instanceof HTMLElement)) return ['', false] as const;
          const labels =
            element instanceof HTMLInputElement || element instanceof HTMLSelectElement ? element.labels : null;
          const outline = getComputedStyle(element);
          return [labels?.[0]?.innerText ?? element.innerText, outline.outlineStyle !== 'none'] as const;
        });
        seen.push(label);
        if (!name.test(label)) continue;
        expect(visible, `the focus on ${label} can be seen`).toBe(true);
        return;
      }
      throw new Error(`Tab does not lead to ${name}, only to ${[...new Set(seen)].join(', ')}.`);
    };
    await tabTo(/^Name/);
    await page.keyboard.type('By keyboard');
    await tabTo(/^Description/);
    await page.keyboard.type('No mouse');
    await page.keyboard.press('Enter');
    await card('By keyboard').waitFor();
    await tabTo(/^Job type for By keyboard/);
    await page.keyboard.type('Term');
    await tabTo(/^Start/);
    await page.keyboard.press('Enter');
    await card('By keyboard').getByRole('button', { name: 'Open session' }).waitFor();
    await page.locator('h1').click();
    await tabTo(/^Open session/);
    const opening = context.waitForEvent('page');
    await page.keyboard.press('Enter');
    const terminal = await opening;
    await terminal.getByText('Connected').waitFor();
    await terminal.keyboard.type('echo keys-$((40+2))\n');
    await terminal.locator('.xterm-rows').getByText('keys-42', { exact: true }).waitFor();
    await tabTo(/^Stop/);
    await page.keyboard.press('Space');
    await card('By keyboard').getByText('Ended').waitFor();
    await tabTo(/^Delete/);
    await page.keyboard.press('Enter');
    await tabTo(/^Delete all/);
    await page.keyboard.press('Enter');
    await card('By keyboard').waitFor({ state: 'detached' });
  });

  test('fits a small screen, and a dark one, with nothing cut off', async () => {
    await page.setViewportSize({ width: 360, height: 640 });
    await page.goto(link);
    await create('A name that is about as long as a name is allowed to be, at 64');
    const overflow = () =>
      page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    const overlapping = () =>
      page.evaluate(() => {
        const boxes = [...document.querySelectorAll('input, select, button')].map((element) =>
          element.getBoundingClientRect(),
        );
        return boxes.filter((a, index) =>
          boxes
            .slice(index + 1)
            .some((b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom),
        ).length;
      });
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      for (const width of [320, 360, 700, 1280]) {
        await page.setViewportSize({ width, height: 640 });
        expect([width, await overflow(), await overlapping()]).toEqual([width, 0, 0]);
      }
      expect(await page.evaluate(lowestContrast), `text on its ground, ${colorScheme}`).toBeGreaterThanOrEqual(4.5);
    }
  });

  test('shows why a job failed, in a sentence and with its last output', async () => {
    const workspace = await user.client.workspaces.create({ name: 'Goes wrong', description: '' });
    await page.goto(link);
    await card('Goes wrong').waitFor();
    const command = ['/bin/sh', '-c', 'echo reading input; echo "no such table: cells" >&2; exit 3'];
    await user.client.workspaces.start(workspace.id, { job_type: 'web_app', job_details: { command } });
    await card('Goes wrong').locator('.job').getByText('Failed', { exact: true }).waitFor();
    await card('Goes wrong').getByRole('alert').getByText('exit code 3').waitFor();
    await card('Goes wrong').getByText('Its last output').click();
    await card('Goes wrong').locator('pre', { hasText: 'no such table: cells' }).waitFor();
  });

  test('says what is wrong when a start is refused', async () => {
    const workspace = await user.client.workspaces.create({ name: 'Deleted elsewhere', description: '' });
    await page.goto(link);
    await card('Deleted elsewhere').waitFor();
    await context.route('**/workspaces/*/start/', (route) =>
      route.fulfill({
        status: 429,
        json: { success: false, message: 'You have no core hours left.', error: { code: 'quota_exceeded' } },
      }),
    );
    await card('Deleted elsewhere').getByRole('button', { name: 'Start' }).click();
    const refusal = page.getByRole('alert').filter({ hasText: 'You have no core hours left.' });
    await refusal.waitFor();
    await page.getByRole('button', { name: 'Dismiss' }).click();
    await refusal.waitFor({ state: 'detached' });
    await user.client.workspaces.delete(workspace.id);
    await card('Deleted elsewhere').waitFor({ state: 'detached' });
  });

  test('stays signed in while the network fails, and goes on by itself after a restart of the server', async () => {
    await context.route('**/me/', (route) => route.abort());
    await page.goto(link);
    await page.getByRole('button', { name: 'Try again' }).waitFor();
    await context.unroute('**/me/');
    await page.getByRole('button', { name: 'Try again' }).click();
    await create('Outlives a restart');

    const { port, dataDirectory } = server;
    await server.stop();
    server = await startServer({ port, dataDirectory, env: { UWS_CONFIG: join(dataDirectory, '..', 'config.json') } });
    await user.client.workspaces.create({ name: 'Made after it', description: '' });
    await card('Made after it').waitFor();
    expect(await card('Outlives a restart').count()).toBe(1);
  });

  test('loads nothing from elsewhere, and neither does the documentation, which works offline', async () => {
    await page.goto(link);
    await page.getByRole('button', { name: 'Sign out' }).waitFor();
    await page.getByRole('link', { name: 'API' }).click();
    expect(page.url()).toBe(`${server.baseUrl}/docs/`);
    await page.getByRole('heading', { name: /User Workspaces/ }).waitFor();
    const operation = page.locator('#operations-Workspaces-startWorkspace');
    await operation.click();
    await operation.getByText('Responses', { exact: true }).waitFor();
    expect(requested.length).toBeGreaterThan(5);
    expect(requested.filter((url) => !url.startsWith(`${server.baseUrl}/`) && !/^(data|blob):/.test(url))).toEqual([]);
    expect(complaints).toEqual([]);
  });
});

/** The least contrast of a text with the ground behind it, as the accessibility guidelines count it. Runs in the page. */
function lowestContrast(): number {
  const numbers = (color: string): number[] => (color.match(/[\d.]+/g) ?? []).map(Number);
  const luminance = (color: string): number => {
    const [red = 0, green = 0, blue = 0] = numbers(color).map((value) => {
      const part = value / 255;
      return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const ground = (element: Element | null): string => {
    for (let at = element; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if (numbers(color)[3] !== 0) return color;
    }
    return getComputedStyle(document.documentElement).backgroundColor;
  };
  const texts = [...document.querySelectorAll('h1, h2, h3, p, small, span, a, button, label, time')].filter(
    (element) =>
      element instanceof HTMLElement && element.innerText.trim() !== '' && !element.closest('.hidden, :disabled'),
  );
  const ratios = texts.map((element) => {
    const [a, b] = [luminance(getComputedStyle(element).color), luminance(ground(element))];
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  });
  return Math.min(...ratios);
}
