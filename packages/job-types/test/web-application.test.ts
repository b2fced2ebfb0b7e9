import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { get as httpGet } from 'node:http';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { filesApplication, installTerminalRuntime, type TerminalRuntime, webApplicationJob } from '../src/index.js';
import { testWith } from './support/needs.js';
import { buildPrograms, Resource, secret, sessionToken } from './support/resource.js';

const resource = new Resource();
let runtime: TerminalRuntime;
beforeAll(async () => {
  buildPrograms();
  runtime = await installTerminalRuntime(join(resource.root, 'runtime'));
});
afterAll(() => resource.close());

const configure = (details: Record<string, unknown>) => webApplicationJob.configure(details, 'web');

describe('any command', () => {
  testWith('/usr/bin/python3')('serves on the port that it is given', async () => {
    const command = ['python3', '-I', '-m', 'http.server', '--bind', '{host}', '{port}'];
    const job = resource.start(configure({ command }), { workspaceName: 'python' });
    writeFileSync(join(job.workspace, 'a.txt'), 'from the workspace');
    const base = await job.ready();
    expect(await (await fetch(`${base}/a.txt`)).text()).toBe('from the workspace');
    expect(job.recipe.session).toMatchObject({ basePath: 'strip', query: {} });
  });

  test('gets its placeholders and variables; nothing in them is run', async () => {
    const hostile = [
      `-n`,
      `a 'b' "c"`,
      '$(touch hit)',
      '`touch hit`',
      ';touch hit',
      'x\ny',
      '',
      '*',
      '{port}{port}/{base_path}/{other}',
    ];
    const type = configure({
      command: ['unused'],
      allow_command: true,
      environment: { GREETING: '$(touch hit) "hello"' },
    });
    const program = 'require("fs").writeFileSync("seen.json", JSON.stringify([process.argv.slice(1), process.env]))';
    const job = resource.start(type, {
      workspaceName: 'hostile',
      basePath: '/p/{host}/1',
      port: 4711,
      jobDetails: { command: [process.execPath, '-e', program, '--', ...hostile] },
      machine: { PATH: '/usr/bin:/bin' },
    });
    expect((await job.ended).code).toBe(0);
    expect(await job.report()).toEqual({ port: 4711, path: '/' });
    const seen = JSON.parse(readFileSync(join(job.workspace, 'seen.json'), 'utf8')) as [
      string[],
      Record<string, string>,
    ];
    expect(seen[0]).toEqual([...hostile.slice(0, -1), '47114711//p/127.0.0.1/1/{other}']);
    expect(seen[1]).toMatchObject({
      PORT: '4711',
      HOST: '127.0.0.1',
      BASE_PATH: '/p/127.0.0.1/1',
      SESSION_TOKEN: sessionToken,
      GREETING: '$(touch hit) "hello"',
    });
    expect(JSON.stringify(seen[1])).not.toContain(secret);
    expect(readdirSync(job.workspace).sort()).toEqual([basename(job.directory), 'seen.json']);
  });

  test('that does not exist is named', async () => {
    const job = resource.start(configure({ command: ['no such program'] }), { workspaceName: 'none' });
    expect((await job.ended).code).toBe(127);
    expect(job.output).toBe('The command no such program was not found on this machine.\n');
  });
});

describe('the files of the workspace', () => {
  /** A session over a small workspace; asked as a browser does, with the cookie of the first answer. */
  async function open() {
    const job = resource.start(configure({ ...filesApplication(runtime) }), {
      workspaceName: 'files',
      basePath: '/p/{host}/3',
    });
    mkdirSync(join(job.workspace, 'sub dir'), { recursive: true });
    writeFileSync(join(job.workspace, 'sub dir', `<b>"'.txt`), 'found');
    writeFileSync(join(job.workspace, 'page.html'), '<script>alert(1)</script>');
    writeFileSync(join(job.workspace, '.hidden'), 'secret');
    writeFileSync(join(job.workspace, 'empty.bin'), '');
    const base = await job.ready();
    const first = await fetch(`${base}/?token=${sessionToken}`);
    const [cookie = ''] = (first.headers.getSetCookie()[0] ?? '').split(';');
    const get = (path: string) => fetch(base + path, { headers: { cookie } });
    /** The status for a path just as it is: fetch would resolve dots. */
    const status = (path: string) =>
      new Promise<number | undefined>((resolve, reject) => {
        const { hostname, port } = new URL(base);
        httpGet({ hostname, port, path, headers: { cookie } }, (answer) => resolve(answer.resume().statusCode)).on(
          'error',
          reject,
        );
      });
    return { job, base, first, get, status };
  }

  test('are shown to who has the token, and to nobody else', async () => {
    const { job, base, first, get } = await open();
    expect(job.recipe.session?.query).toEqual({ token: sessionToken });
    for (const path of ['/', '/page.html', '/?token=', '/?token=wrong'])
      expect((await fetch(base + path)).status).toBe(403);
    expect(first.headers.getSetCookie()[0]).toMatch(/^uws-files-[0-9]+=.*; Path=\/; HttpOnly; SameSite=Lax$/);
    const html = await first.text();
    expect(html).toContain('href="/p/127.0.0.1/3/sub%20dir/"');
    expect(html).not.toContain('.hidden');

    const listing = await (await get('/sub%20dir/')).text();
    expect(listing).toContain('&lt;b&gt;&quot;&#39;.txt');
    const href = /<li><a href="\/p\/127\.0\.0\.1\/3([^"]*)"/.exec(listing)?.[1] ?? '';
    expect(await (await get(href.replaceAll('&#39;', "'"))).text()).toBe('found');
    expect(await (await get('/empty.bin')).text()).toBe('');
  });

  test("scripts of a file run apart from the session's origin", async () => {
    const { get } = await open();
    const answer = await get('/page.html');
    expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(answer.headers.get('content-security-policy')).toMatch(/^sandbox (?!.*allow-same-origin)/);
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
  });

  test('nothing hidden or outside is given', async () => {
    const { job, status } = await open();
    execFileSync('mkfifo', [join(job.workspace, 'pipe')]);
    for (const path of [
      '/.hidden',
      '/.3/start.sh',
      '/%2e%2e/',
      '/..%2f..%2fetc%2fpasswd',
      '/sub%20dir/%2e./page.html',
      '/a%00b',
      '/none',
      '/pipe',
    ]) {
      expect(await status(path), path).toBe(404);
    }
    expect(await status('/../../etc/passwd')).toBe(404);
    expect(await status('//page.html')).toBe(200);
    expect(await status('/%zz')).toBe(400);
  });
});
