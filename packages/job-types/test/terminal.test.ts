import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTerminalJob, installTerminalRuntime } from '../src/index.js';
import { account, buildPrograms, type Job, Resource, secret, sessionToken, until } from './support/resource.js';
import { TerminalClient } from './support/terminal-client.js';

const resource = new Resource();
let job: Job;
let base: string;

beforeAll(async () => {
  buildPrograms();
  job = await start('terminal');
  base = await job.ready();
});
afterAll(() => resource.close());

async function start(workspaceName: string): Promise<Job> {
  const runtime = await installTerminalRuntime(join(resource.root, 'runtime'));
  return resource.start(createTerminalJob(runtime).configure({}, 'terminal'), {
    workspaceName,
    machine: { SHELL: '/bin/sh', PS1: '> ' },
  });
}

async function opened(query: Record<string, string> = { shell: 'new' }): Promise<TerminalClient> {
  const client = new TerminalClient(base, query);
  await client.opened();
  return client;
}

describe('a shell', () => {
  test('runs as the account, in the workspace, on a terminal', async () => {
    const client = await opened({ shell: 'new', columns: '132', rows: '40' });
    client.type('echo "$((6*7)) $(id -u) $(pwd) $TERM $(stty size)"\r');
    await client.shows(`42 ${account?.uid ?? process.getuid?.()} ${job.workspace} xterm-256color 40 132\r\n`);
    client.send({ type: 'resize', columns: 90, rows: 20 });
    client.type('stty size\r');
    await client.shows('20 90\r\n');
  });

  test('knows no secret of the session', async () => {
    const client = await opened();
    client.type('env; echo "done"$((1))\r');
    await client.shows('done1');
    expect(client.text).toContain('UWS_WORKSPACE=');
    expect(client.text).not.toContain(sessionToken);
    expect(client.text).not.toContain(secret);
    expect(readFileSync(`/proc/${job.process.pid}/cmdline`, 'utf8')).not.toContain(sessionToken);
  });

  test('tells its end, and another can be had', async () => {
    const client = await opened();
    const first = await client.opened();
    client.type('exit 3\r');
    expect(await client.wait(() => client.ended)).toEqual({ type: 'ended', exitCode: 3, signal: 0 });
    // Who comes back to it still learns how it ended.
    client.close();
    const back = await opened({ shell: first.shell });
    expect(await back.wait(() => back.ended)).toMatchObject({ exitCode: 3 });
    expect((await (await opened()).opened()).shell).not.toBe(first.shell);
  });

  test('takes a long paste whole', async () => {
    const client = await opened();
    client.type('stty -echo; cat >paste.txt\r');
    await new Promise((resolve) => setTimeout(resolve, 200));
    const line = `${'x'.repeat(99)}\n`;
    for (let sent = 0; sent < 8; sent++) client.type(line.repeat(500));
    client.type('\x04');
    const file = join(job.workspace, 'paste.txt');
    await client.wait(() => (existsSync(file) && statSync(file).size === 400_000 ? true : undefined));
  });
});

describe('a connection', () => {
  test('that comes back gets the same shell and only the output that it missed', async () => {
    const client = await opened();
    const { shell, offset } = await client.opened();
    client.type('echo be"fore"\r');
    await client.shows('before\r\n');
    const seen = offset + client.bytes;
    client.type('sleep 0.4; echo be"tween"\r');
    client.close();
    await new Promise((resolve) => setTimeout(resolve, 800));

    const back = await opened({ shell, seen: String(seen) });
    await back.shows('between\r\n');
    expect(back.text).not.toContain('before');
    expect(await back.opened()).toMatchObject({ shell, offset: seen, clear: false });

    const whole = await opened({ shell });
    await whole.shows('between\r\n');
    expect(whole.text).toContain('before');
    expect((await whole.opened()).clear).toBe(true);
    // One window at a time.
    expect(await back.wait(() => back.closed)).toEqual({ code: 4001, reason: 'opened elsewhere' });
  });

  test('of a new window gets the shell that was left, so that no work is lost', async () => {
    const client = await opened();
    const { shell } = await client.opened();
    client.close();
    await client.wait(() => client.closed);
    const next = await opened({});
    expect((await next.opened()).shell).toBe(shell);
    expect((await (await opened({})).opened()).shell).not.toBe(shell);
  });

  test('finds the last 256 KiB of what it missed, beginning with a whole line', async () => {
    const client = await opened();
    const { shell } = await client.opened();
    client.type('seq 1 200000 | sed s/^/line-/; echo fin"ished"; touch written\r');
    client.close();
    await until(
      () => existsSync(join(job.workspace, 'written')) || undefined,
      30_000,
      () => 'nothing yet',
    );
    // What the terminal still holds of it.
    await new Promise((resolve) => setTimeout(resolve, 300));
    const back = await opened({ shell });
    await back.shows('finished');
    expect(back.bytes).toBeLessThanOrEqual(256 * 1024);
    expect(back.bytes).toBeGreaterThan(255 * 1024);
    expect(back.text).toMatch(/^line-[0-9]+\r\n/);
  });

  test('that draws slowly holds the shell back', async () => {
    const client = await opened();
    client.draws = false;
    client.type('yes | head -c 4000000; echo fin"ished"\r');
    await client.wait(() => (client.bytes > 512 * 1024 ? true : undefined));
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(client.bytes).toBeLessThan(1024 * 1024);
    client.draws = true;
    client.send({ type: 'drawn', offset: client.bytes });
    await client.wait(() => (client.text.includes('finished') ? true : undefined), 15_000);
    // Each line break is a carriage return and a line feed on a terminal.
    expect(client.bytes).toBeGreaterThan(6_000_000);
  });

  test.for([
    { title: 'without the token', query: { token: '' }, headers: {} },
    { title: 'with another token', query: { token: 'x'.repeat(43) }, headers: {} },
    { title: 'of another page', query: {}, headers: { origin: 'http://evil.example' } },
    { title: 'of a page without an origin', query: {}, headers: { origin: 'null' } },
  ])('$title is refused', async ({ query, headers }) => {
    const client = new TerminalClient(base, query, headers);
    expect((await client.wait(() => client.closed)).reason).toContain('403');
  });

  test('of its own page is accepted, directly and through a proxy', async () => {
    const { host } = new URL(base);
    await new TerminalClient(base, {}, { origin: `http://${host}` }).opened();
    const forwarded = { origin: 'https://portal.example', 'x-forwarded-host': 'portal.example' };
    await new TerminalClient(base, {}, forwarded).opened();
  });

  test.for([
    '{"type":"resize","columns":0,"rows":1e9}',
    '{"type":"other"}',
    'no JSON',
    '[]',
  ])('that does not speak the protocol is closed: %s', async (text) => {
    // In a shell that was left: there are no more than 16, and a test that is tried again takes one more.
    const client = await opened({});
    client.sendText(text);
    expect(await client.wait(() => client.closed)).toMatchObject({ code: 4003 });
  });
});

describe('the program', () => {
  test('shows its page only to who has the token, and tells others nothing but that it is ready', async () => {
    expect((await fetch(`${base}/ready`)).status).toBe(200);
    for (const path of ['/', '/?token=wrong', '/tree//x.ipynb']) expect((await fetch(base + path)).status).toBe(403);
    for (const path of ['/', '/tree//x.ipynb', '/tree/null']) {
      const answer = await fetch(`${base}${path}?token=${sessionToken}`);
      expect(answer.status).toBe(200);
      expect(answer.headers.get('content-security-policy')).toMatch(/default-src 'none'; script-src 'sha256-/);
      expect(/<(script [^>]*src|link|img)\b/.test(await answer.text())).toBe(false);
    }
    expect((await fetch(`${base}/other?token=${sessionToken}`)).status).toBe(404);
    expect((await fetch(`${base}/?token=${sessionToken}`, { method: 'POST' })).status).toBe(405);
  });

  test('opens no more than 16 shells', async () => {
    const own = await start('many');
    const ownBase = await own.ready();
    const clients = Array.from({ length: 16 }, () => new TerminalClient(ownBase, { shell: 'new' }));
    for (const client of clients) await client.opened();
    const refused = new TerminalClient(ownBase, { shell: 'new' });
    expect(await refused.wait(() => refused.closed)).toEqual({ code: 4002, reason: '16 shells are open already' });
    clients[0]?.type('exit\r');
    await clients[0]?.wait(() => clients[0]?.ended);
    clients[0]?.close();
    await clients[0]?.wait(() => clients[0]?.closed);
    await new TerminalClient(ownBase, { shell: 'new' }).opened();
  });

  test('ends with TERM, and its shells with it', async () => {
    const own = await start('ending');
    const client = new TerminalClient(await own.ready(), { shell: 'new' });
    await client.opened();
    client.type('echo pid=$$=\r');
    const pid = await client.wait(() => /pid=([0-9]+)=/.exec(client.text)?.[1]);
    expect(await own.terminate()).toEqual({ code: 0, signal: null });
    expect((await client.wait(() => client.closed)).code).toBe(1001);
    await until(
      () => (existsSync(`/proc/${pid}`) ? undefined : true),
      3_000,
      () => `process ${pid} still runs`,
    );
  });
});
