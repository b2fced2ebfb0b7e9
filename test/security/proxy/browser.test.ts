// What the page of a hostile session can do in a real browser: to the API whose origin it shares in the path form, and to its neighbours in the other.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { application } from '../../support/application.js';
import { startBrowser } from '../../support/browser.js';
import { writeTestConfiguration } from '../../support/configuration.js';
import { putAway } from '../../support/put-away.js';
import { describeWith } from '../../support/requirements.js';
import { freePort, type RunningServer, startServer, temporaryDirectory } from '../../support/server.js';
import { signIn, startSession, type User } from '../../support/users.js';

describeWith(['chromium'], 'a hostile session in a browser', () => {
  let browser: Browser;
  let context: BrowserContext;

  beforeAll(async () => {
    browser = await startBrowser();
  });

  afterAll(async () => {
    await browser?.close();
  });

  beforeEach(async () => {
    context = await browser.newContext();
    context.setDefaultTimeout(20_000);
  });

  afterEach(async () => {
    await context.close();
  });

  async function start(
    env: Readonly<Record<string, string>>,
    port: number,
  ): Promise<{ server: RunningServer; user: User }> {
    const root = await temporaryDirectory();
    await mkdir(join(root, 'data'), { mode: 0o755 });
    const server = await startServer({
      port,
      dataDirectory: join(root, 'data'),
      env: {
        UWS_CONFIG: await writeTestConfiguration(root),
        UWS_FIRST_USER: 'ada',
        UWS_FIRST_USER_EMAIL: 'ada@example.org',
        ...env,
      },
    });
    return { server, user: await signIn(server, 'ada') };
  }

  describe('below the path of the API', () => {
    let server: RunningServer;
    let user: User;
    let portal: Page;
    let hostile: Page;
    let base: string;
    let token: string;

    beforeAll(async () => {
      ({ server, user } = await start({}, await freePort()));
    }, 180_000);

    afterAll(async () => {
      expect(await putAway(server, [user])).toEqual([]);
    });

    beforeEach(async () => {
      // The user is signed in on the server's own page, and opens the session from there as that page does.
      const link = /http:\S+#token=\S+/.exec(server.output())?.[0] ?? '';
      portal = await context.newPage();
      await portal.goto(link);
      await portal.getByText('ada', { exact: true }).waitFor();
      token = await portal.evaluate(() => Object.values({ ...sessionStorage }).join(' '));
      expect(token).toContain('uws_');
      const { session } = await startSession(user, { job_type: 'web_app_keep' }, application);
      const opening = context.waitForEvent('page');
      await portal.evaluate((url) => void window.open(url, '_blank', 'noopener,noreferrer'), session.open('/page'));
      hostile = await opening;
      await hostile.waitForLoadState();
      expect(await hostile.title()).toBe('session');
      base = new URL(hostile.url()).pathname.replace('/page', '');
    });

    test('it finds no token, no opener and no way to act as the user', async () => {
      const found = await hostile.evaluate(async () => {
        const status = async (path: string, init: RequestInit = {}): Promise<number> =>
          (await fetch(path, init)).status;
        return {
          opener: window.opener === null,
          sessionStorage: sessionStorage.length,
          localStorage: localStorage.length,
          cookie: document.cookie,
          databases: (await indexedDB.databases()).length,
          caches: (await caches.keys()).length,
          me: await status('/me/', { credentials: 'include' }),
          workspaces: await status('/workspaces/', { method: 'POST', credentials: 'include', body: '{"name":"x"}' }),
          events: await status('/events/'),
        };
      });
      expect(found).toEqual({
        opener: true,
        sessionStorage: 0,
        localStorage: 0,
        cookie: '',
        databases: 0,
        caches: 0,
        me: 401,
        workspaces: 401,
        events: 401,
      });
    });

    test('the server’s page cannot be framed, and one that it opens itself is not signed in', async () => {
      const framed = await hostile.evaluate(
        () =>
          new Promise<string>((resolve) => {
            const frame = document.createElement('iframe');
            frame.src = '/';
            frame.onload = () => resolve(frame.contentDocument?.querySelector('script')?.src ?? 'nothing to read');
            document.body.append(frame);
          }),
      );
      expect(framed).toBe('nothing to read');
      const opening = context.waitForEvent('page');
      await hostile.evaluate(() => void window.open('/', 'popup'));
      const popup = await opening;
      await popup.waitForLoadState();
      expect(await popup.evaluate(() => sessionStorage.length)).toBe(0);
      expect(await popup.content()).not.toContain('uws_');
      // The user's own tab is as it was.
      expect(await portal.evaluate(() => Object.values({ ...sessionStorage }).join(' '))).toBe(token);
    });

    test('its service worker cannot cover more than the session', async () => {
      const register = (script: string, scope: string): Promise<string> =>
        hostile.evaluate(
          async ([from, to]) => {
            try {
              const { scope } = await navigator.serviceWorker.register(from ?? '', { scope: to ?? '' });
              return new URL(scope).pathname;
            } catch (error) {
              return error instanceof Error ? error.name : 'refused';
            }
          },
          [script, scope],
        );
      expect(await register(`${base}/worker.js`, '/')).toBe('SecurityError');
      expect(await register(`${base}/worker.js`, '/passthrough/127.0.0.1/')).toBe('SecurityError');
      // Without its slash the base path is a page of the directory of all sessions.
      expect(await register(base, '/passthrough/127.0.0.1/')).toBe('TypeError');
      expect(await register(`${base}?x`, '/passthrough/127.0.0.1/')).toBe('TypeError');
      expect(await register(`${base}/worker.js`, `${base}/`)).toBe(`${base}/`);
      await portal.reload();
      await portal.getByText('ada', { exact: true }).waitFor();
    });

    test('a page of another site opens no WebSocket and embeds nothing', async () => {
      const elsewhere = await context.newPage();
      // The same server under a name that makes it another site.
      await elsewhere.goto(`${server.baseUrl.replace('127.0.0.1', 'localhost')}/healthz`);
      const address = `${server.baseUrl}${base}`;
      expect(await openSocket(elsewhere, address)).toBe('refused');
      expect(await openSocket(elsewhere, address, true)).toBe('refused');
      expect(await openSocket(hostile, address)).toBe('open');
      // An opaque origin is nobody's, not even in a frame of the session's own page.
      expect(await openSocket(hostile, address, true)).toBe('refused');
    });
  });

  describe('under a host name of its own', () => {
    let server: RunningServer;
    let user: User;
    let victim: Page;
    let hostile: Page;

    beforeAll(async () => {
      const port = await freePort();
      // A browser takes names below localhost for this machine, and for trustworthy, as it takes https.
      ({ server, user } = await start({ UWS_PASSTHROUGH_DOMAIN: `sessions.localhost:${port}` }, port));
    }, 180_000);

    afterAll(async () => {
      expect(await putAway(server, [user])).toEqual([]);
    });

    beforeEach(async () => {
      victim = await context.newPage();
      hostile = await context.newPage();
      for (const page of [victim, hostile]) {
        const { session } = await startSession(user, { job_type: 'web_app' }, application);
        await page.goto(session.open('/page'));
        expect(await page.title()).toBe('session');
      }
      expect(new URL(victim.url()).host).not.toBe(new URL(hostile.url()).host);
    });

    /** What the victim's application was asked since the last question. */
    function seen(): Promise<string[]> {
      return victim.evaluate(async () => {
        const log: { method: string; url: string }[] = await (await fetch('/log?clear')).json();
        return log.filter(({ url }) => url !== '/favicon.ico').map(({ method, url }) => `${method} ${url}`);
      });
    }

    test('a neighbour’s page, for which the browser sends the cookie, gets nothing to the application', async () => {
      const { origin } = new URL(victim.url());
      await seen();
      expect(await openSocket(hostile, origin)).toBe('refused');
      expect(await openSocket(hostile, origin, true)).toBe('refused');
      await hostile.evaluate(async (address) => {
        for (const init of [{}, { method: 'POST', body: 'x' }] as RequestInit[]) {
          await fetch(`${address}/stolen`, { ...init, mode: 'no-cors', credentials: 'include' });
        }
        for (const element of ['iframe', 'embed', 'img', 'script', 'object'] as const) {
          const embedded = document.createElement(element);
          embedded.setAttribute(element === 'object' ? 'data' : 'src', `${address}/stolen-${element}`);
          await new Promise((resolve) => {
            embedded.onload = resolve;
            embedded.onerror = resolve;
            setTimeout(resolve, 3_000);
            document.body.append(embedded);
          });
        }
      }, origin);
      expect(await seen()).toEqual([]);
      expect(await openSocket(victim, origin)).toBe('open');
      expect(await seen()).toEqual(['UPGRADE /echo']);
      // A link may be followed.
      await hostile.evaluate((address) => void window.location.assign(`${address}/page?linked`), origin);
      await hostile.waitForURL(/linked/);
      expect(await seen()).toEqual(['GET /page?linked']);
    });

    test('a form of a neighbour’s page does nothing', async () => {
      const { origin } = new URL(victim.url());
      await seen();
      const answered = hostile.waitForResponse((response) => response.url().endsWith('/form'));
      await hostile.evaluate((address) => {
        const form = document.createElement('form');
        form.method = 'post';
        form.action = `${address}/form`;
        document.body.append(form);
        form.submit();
      }, origin);
      expect((await answered).status()).toBe(403);
      expect(await seen()).toEqual([]);
    });

    test('cookies that a neighbour tosses neither open nor lock a session', async () => {
      await hostile.evaluate(() => {
        for (const path of ['/', '/page', '/log']) {
          // biome-ignore lint/suspicious/noDocumentCookie: as an attacker does it
          document.cookie = `uws_session=v2.zzzzzzzz.${'a'.repeat(43)}; Domain=sessions.localhost; Path=${path}`;
        }
      });
      const cookies = await context.cookies(victim.url());
      const [own] = cookies.filter(({ httpOnly }) => httpOnly);
      await victim.reload();
      expect(await victim.title()).toBe('session');
      expect(own?.domain).toBe(new URL(victim.url()).hostname);
      const stranger = await browser.newContext();
      const alone = await stranger.newPage();
      const refused = await alone.goto(victim.url());
      expect(refused?.status()).toBe(401);
      await stranger.close();
    });
  });
});

/** Opens a WebSocket from a page, or from a frame of it that has no origin. */
function openSocket(page: Page, address: string, withoutOrigin = false): Promise<string> {
  return page.evaluate(
    ([url, sandboxed]) => {
      const open = `
        const socket = new WebSocket(${JSON.stringify(url)});
        socket.onopen = () => { socket.close(); tell('open'); };
        socket.onerror = () => tell('refused');`;
      return new Promise<string>((resolve) => {
        addEventListener('message', ({ data }) => resolve(String(data)), { once: true });
        if (!sandboxed) {
          const script = document.createElement('script');
          script.textContent = `(() => { const tell = (what) => postMessage(what); ${open} })()`;
          document.body.append(script);
          return;
        }
        const frame = document.createElement('iframe');
        frame.setAttribute('sandbox', 'allow-scripts');
        frame.srcdoc = `<script>const tell = (what) => parent.postMessage(what, '*'); ${open}</scr${'ipt>'}`;
        document.body.append(frame);
      });
    },
    [`${address.replace(/^http/, 'ws')}/echo`, withoutOrigin] as const,
  );
}
