import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type AccountMapping, AdapterError, type Identity } from '@user-workspaces/contract';
import { ApiError } from '@user-workspaces/server';
import { SMTPServer } from 'smtp-server';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createMailer } from '../src/assembly/mailer.js';
import { run } from '../src/command.js';
import { makeSignInLink } from '../src/serve/first-user.js';
import { type Listener, listen } from '../src/serve/listen.js';
import { closeListener } from '../src/serve/shutdown.js';
import { dataFile, load } from './load.js';

async function fetched(url: string): Promise<IncomingMessage> {
  const [response] = await once(get(url, { agent: false }), 'response');
  return response;
}

async function text(response: IncomingMessage): Promise<string> {
  return Buffer.concat(await response.toArray()).toString();
}

function portOf(listener: Listener): number {
  return Number(new URL(listener.url).port);
}

describe('the listener', () => {
  it('says that the server is starting until there is one', async () => {
    const listener = await listen('127.0.0.1', 0);
    const early = await fetched(listener.url);
    expect(early.statusCode).toBe(503);
    expect(early.headers['retry-after']).toBe('1');
    expect(JSON.parse(await text(early))).toMatchObject({ success: false });
    listener.serve((_request, response) => response.end('served'));
    expect(await text(await fetched(listener.url))).toBe('served');
    await closeListener(listener.http, async () => {});
  });

  it('names the address that is in use, or is none of this machine', async () => {
    const listener = await listen('127.0.0.1', 0);
    const port = portOf(listener);
    await expect(listen('127.0.0.1', port)).rejects.toThrow(
      `port is ${port}, but another program already listens on 127.0.0.1:${port}. Stop it, or set UWS_PORT`,
    );
    await closeListener(listener.http, async () => {});
    await expect(listen('192.0.2.1', 0)).rejects.toThrow('host is "192.0.2.1", which is no address of this machine');
  });

  it('cuts off what is slow to send its head, and lets bodies take their time', async () => {
    const { http } = await listen('127.0.0.1', 0);
    expect([http.headersTimeout, http.requestTimeout]).toEqual([30_000, 0]);
    await closeListener(http, async () => {});
  });

  it('gives an address that a browser can open', async () => {
    const listener = await listen('0.0.0.0', 0);
    expect(listener.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    await closeListener(listener.http, async () => {});
  });

  it('lets requests under way finish, ends what is idle, and accepts nothing new', async () => {
    const listener = await listen('127.0.0.1', 0);
    listener.serve(async (_request, response) => {
      response.flushHeaders();
      await delay(300);
      response.end('complete');
    });
    const response = await fetched(listener.url);
    let isServerClosed = false;
    const closing = closeListener(listener.http, async () => {
      isServerClosed = true;
    });
    expect(isServerClosed).toBe(true);
    await expect(fetched(listener.url)).rejects.toThrow('ECONNREFUSED');
    expect(await text(response)).toBe('complete');
    await closing;
    expect(listener.http.listening).toBe(false);
  });

  it('cuts off after a while what does not end', async () => {
    const listener = await listen('127.0.0.1', 0);
    listener.serve((_request, response) => response.flushHeaders());
    const response = await fetched(listener.url);
    const ended = text(response).catch((error: unknown) => String(error));
    const start = performance.now();
    await closeListener(listener.http, async () => {}, 200);
    expect(performance.now() - start).toBeLessThan(2000);
    expect(await ended).toContain('aborted');
  });
});

describe('the sign-in link', () => {
  const accounts: AccountMapping = {
    shared: false,
    resolve: async ({ username }) => ({ name: username, uid: null, gid: null }),
  };
  const asked: [Identity, string][] = [];
  const server = {
    issueToken: async (identity: Identity, name: string) => {
      asked.push([identity, name]);
      return { token: 'uws_t', expiresAtMs: 5 };
    },
  };

  it('carries a token of the first user in the fragment', async () => {
    const { configuration } = await load({ environment: { UWS_FIRST_USER: 'ada', UWS_FIRST_USER_EMAIL: 'ada@x.org' } });
    expect(await makeSignInLink(server, accounts, configuration, 'https://w.x.org')).toEqual({
      kind: 'link',
      url: 'https://w.x.org/#token=uws_t',
      username: 'ada',
      expiresAtMs: 5,
    });
    expect(asked).toEqual([[{ username: 'ada', email: 'ada@x.org', firstName: '', lastName: '' }, 'sign-in link']]);
  });

  it('is left out where it is not wanted, or the user has no account', async () => {
    const quiet = await load({ environment: { UWS_SIGN_IN_LINK: 'false' } });
    expect(await makeSignInLink(server, accounts, quiet.configuration, 'x')).toMatchObject({ kind: 'none' });
    const { configuration } = await load();
    const refusing = (kind: 'denied' | 'unavailable'): AccountMapping => ({
      shared: false,
      resolve: async () => {
        throw new AdapterError(kind, 'There is no account user.');
      },
    });
    expect(await makeSignInLink(server, refusing('denied'), configuration, 'x')).toEqual({
      kind: 'none',
      reason: 'not for first_user "user" (UWS_FIRST_USER): There is no account user.',
    });
    const known = (code: 'permission_denied' | 'sign_in_failed') =>
      makeSignInLink({ issueToken: () => Promise.reject(new ApiError(code, 'No.')) }, accounts, configuration, 'x');
    expect(await known('permission_denied')).toMatchObject({
      reason: expect.stringContaining(
        'No. "uws admin users list" shows the first user: name that one in UWS_FIRST_USER',
      ),
    });
    expect(await known('sign_in_failed')).toMatchObject({
      reason: expect.stringContaining('known under another e-mail than user@localhost'),
    });
    await expect(makeSignInLink(server, refusing('unavailable'), configuration, 'x')).rejects.toThrow('no account');
  });
});

describe('the mailer', () => {
  interface Received {
    readonly from: string;
    readonly to: readonly string[];
    readonly content: string;
  }

  async function mailServer(accept: boolean): Promise<{ port: number; received: Received[]; close(): Promise<void> }> {
    const received: Received[] = [];
    const server = new SMTPServer({
      authOptional: true,
      disabledCommands: ['STARTTLS'],
      onRcptTo: (_address, _session, done) => done(accept ? null : new Error('nobody here')),
      async onData(stream, { envelope }, done) {
        const content = Buffer.concat(await stream.toArray()).toString();
        received.push({
          from: envelope.mailFrom ? envelope.mailFrom.address : '',
          to: envelope.rcptTo.map(({ address }) => address),
          content,
        });
        done();
      },
    });
    server.listen(0, '127.0.0.1');
    await once(server.server, 'listening');
    const address: AddressInfo | string | null = server.server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    return { port, received, close: () => new Promise((resolve) => server.close(resolve)) };
  }

  const mail = { to: 'bob@x.org', subject: 'A share for you', text: 'Line one\nLine two\n' };

  it('sends from the configured sender to one address', async () => {
    const { port, received, close } = await mailServer(true);
    const mailer = createMailer(`smtp://127.0.0.1:${port}`, 'Workspaces <noreply@x.org>');
    await mailer.send(mail, AbortSignal.timeout(5000));
    expect(received).toMatchObject([{ from: 'noreply@x.org', to: ['bob@x.org'] }]);
    expect(received[0]?.content).toMatch(/^From: Workspaces <noreply@x\.org>\r$/m);
    expect(received[0]?.content).toMatch(/^Subject: A share for you\r$/m);
    expect(received[0]?.content).toContain('Line one\r\nLine two');
    await close();
  });

  it('throws what the mail server answers, and when it is not there', async () => {
    const { port, close } = await mailServer(false);
    const mailer = createMailer(`smtp://127.0.0.1:${port}`, 'noreply@x.org');
    await expect(mailer.send(mail, AbortSignal.timeout(5000))).rejects.toThrow('nobody here');
    await close();
    await expect(mailer.send(mail, AbortSignal.timeout(5000))).rejects.toThrow('ECONNREFUSED');
    await expect(mailer.send(mail, AbortSignal.abort(new Error('stopping')))).rejects.toThrow('stopping');
  });
});

describe('the command', () => {
  let directory: string;
  let output: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'uws-cli-'));
    output = '';
    const write = (chunk: unknown): boolean => {
      output += String(chunk);
      return true;
    };
    vi.spyOn(process.stdout, 'write').mockImplementation(write);
    vi.spyOn(process.stderr, 'write').mockImplementation(write);
    vi.stubEnv('UWS_DATA_DIR', directory);
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    vi.unstubAllEnvs();
    await rm(directory, { recursive: true });
  });

  it('checks a configuration', async () => {
    expect(await run(['config', 'check', '--json', dataFile('recorded-config.json')])).toBe(0);
    expect(JSON.parse(output)).toMatchObject({ valid: true });
  });

  it('ends with 2 for a wrong configuration or a wrong use, with one message', async () => {
    expect(await run(['config', 'check', dataFile('example_config.json')])).toBe(2);
    expect(output).toContain('"GlobusUserAuthentication"');
    expect(output.trim().split('\n')).toHaveLength(1);
    expect(await run(['serve', '--port', 'many'])).toBe(2);
    expect(output).toContain('port must be a whole number from 0 to 65535; it is "many" (--port on the command line).');
    expect(await run(['serve', '--wrong'])).toBe(2);
    expect(await run(['wrong'])).toBe(2);
  });

  it('helps with 0 and tells every setting', async () => {
    expect(await run(['serve', '--help'])).toBe(0);
    for (const name of ['UWS_CONFIG', 'UWS_PORT', 'UWS_DATA_DIR', 'UWS_CLIENT_TOKEN', 'UWS_ALLOWED_LINK_ROOTS']) {
      expect(output).toContain(name);
    }
  });

  it('makes the tables, twice', async () => {
    expect(await run(['migrate'])).toBe(0);
    expect(await run(['migrate'])).toBe(0);
    expect(output).toBe('The tables are up to date.\nThe tables are up to date.\n');
  });
});
