// What somebody sees who starts the server for the first time and follows the README.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UserWorkspaces } from '@user-workspaces/client';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { putAway } from '../support/put-away.js';
import {
  processesBelow,
  type RunningServer,
  removeDirectory,
  startServer,
  temporaryDirectory,
} from '../support/server.js';
import { signIn, startSession, type User } from '../support/users.js';
import { visit } from '../support/visit.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const readme = await readFile(join(root, 'README.md'), 'utf8');

/** The first block of the README after some words. */
function blockAfter(words: string, language: string): string {
  const start = readme.indexOf(`\`\`\`${language}\n`, readme.indexOf(words)) + language.length + 4;
  return readme.slice(start, readme.indexOf('```', start));
}

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(command: string, args: readonly string[], env: Readonly<Record<string, string>>): Promise<Outcome> {
  const child = spawn(command, args, {
    cwd: root,
    env: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '/', LANG: 'C.UTF-8', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 30_000,
  });
  const texts = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (texts.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (texts.stderr += chunk.toString()));
  const [code]: unknown[] = await once(child, 'close');
  return { code: typeof code === 'number' ? code : null, ...texts };
}

const uws = join(root, 'packages/cli/bin/uws.mjs');

describe('the start', () => {
  let directory: string;
  let server: RunningServer;

  beforeAll(async () => {
    directory = await temporaryDirectory();
    server = await startServer({ dataDirectory: join(directory, 'data'), env: { UWS_CLIENT_TOKEN: '' } });
  });

  afterAll(async () => {
    await server.stop();
    await removeDirectory(directory);
  });

  test('prints the address, a sign-in link and the client token, and both let in', async () => {
    const output = server.output();
    expect(output).toContain(`http://127.0.0.1:${server.port}/`);
    const [, linkToken] = /http:\/\/127\.0\.0\.1:\d+\/#token=(\S+)/.exec(output) ?? [];
    const [, clientToken] = /Client token +(\S+)/.exec(output) ?? [];
    expect(linkToken).toBeTruthy();
    expect(clientToken).toMatch(/^[\w-]{32,}$/);

    const byLink = new UserWorkspaces({ baseUrl: server.baseUrl, token: linkToken ?? '' });
    const me = await byLink.me();
    const bySignIn = new UserWorkspaces({ baseUrl: server.baseUrl });
    await bySignIn.signIn({ client_token: clientToken, user_info: { username: me.username, email: me.email } });
    expect((await bySignIn.me()).id).toBe(me.id);
  });

  test('keeps the client token in a file for its owner, shows it once, and logs no secret', async () => {
    const file = join(server.dataDirectory, 'server', 'client-token');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const kept = (await readFile(file, 'utf8')).trim();
    expect(server.output()).toContain(kept);

    await server.stop('SIGINT');
    server = await startServer({ dataDirectory: server.dataDirectory, env: { UWS_CLIENT_TOKEN: '' } });
    expect(server.output()).not.toContain(kept);
    expect((await signIn({ baseUrl: server.baseUrl, clientToken: kept }, 'grace')).token).toBeTruthy();
    const log = server
      .output()
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .join('\n');
    expect(log).toContain('"path":"/tokens');
    expect(log).not.toContain(kept);
    expect(log).not.toMatch(/uws_[\w-]{20}/);
  });

  test('is refused on a data directory that another server uses', async () => {
    const second = await run(process.execPath, [uws, 'serve'], { UWS_DATA_DIR: server.dataDirectory, UWS_PORT: '0' });
    expect(second.code).not.toBe(0);
    expect(second.stderr).toContain(String(server.process.pid));
    expect(second.stderr).toContain(server.dataDirectory);
    expect(second.stderr.trim().split('\n')).toHaveLength(1);
    expect((await fetch(`${server.baseUrl}/readyz`)).status).toBe(200);
  });

  test('on a port that is taken says which, and leaves no lock behind', async () => {
    const other = join(directory, 'other');
    const taken = { UWS_DATA_DIR: other, UWS_PORT: String(server.port) };
    const second = await run(process.execPath, [uws, 'serve'], taken);
    expect(second.code).not.toBe(0);
    expect(second.stderr).toContain(String(server.port));
    expect(second.stderr).not.toMatch(/^\s+at /m);
    const third = await startServer({ dataDirectory: other });
    await third.stop();
  });

  test('helps', async () => {
    const help = await run(process.execPath, [uws, 'serve', '--help'], {});
    expect(help.code).toBe(0);
    for (const name of [
      'UWS_CONFIG',
      'UWS_HOST',
      'UWS_PORT',
      'UWS_DATA_DIR',
      'UWS_CLIENT_TOKEN',
      'UWS_ALLOWED_LINK_ROOTS',
    ]) {
      expect(help.stdout).toContain(name);
    }
  });
});

describe('a wrong setting stops the start with one message', () => {
  const wrong: readonly [name: string, value: string, allowed: RegExp][] = [
    ['UWS_PORT', 'eighty', /0.*65535/],
    ['UWS_PORT', '70000', /0.*65535/],
    ['UWS_LOG_LEVEL', 'loud', /trace.*silent/],
    ['UWS_ALLOWED_LINK_ROOTS', 'relative/path', /absolute/],
    ['UWS_ALLOW_SHARED_ACCOUNT', 'perhaps', /true.*false/],
    ['UWS_PUBLIC_URL', 'workspaces', /https?:\/\//],
    ['UWS_CONFIG', '/nowhere/config.json', /file/],
  ];
  test.each(wrong)('%s=%s', async (name, value, allowed) => {
    const directory = await temporaryDirectory();
    const outcome = await run(process.execPath, [uws, 'serve'], {
      UWS_DATA_DIR: join(directory, 'data'),
      [name]: value,
    });
    await removeDirectory(directory);
    expect(outcome.code).toBe(2);
    expect(outcome.stdout).toBe('');
    expect(outcome.stderr).toContain(name);
    expect(outcome.stderr).toContain(value);
    expect(outcome.stderr).toMatch(allowed);
    expect(outcome.stderr.trim().split('\n')).toHaveLength(1);
  });
});

describe('Ctrl-C', () => {
  test('leaves running jobs alone, and the next start finds them', async () => {
    const first = await startServer();
    onTestFinished(async () => {
      await putAway(first, []);
    });
    const ada = await signIn(first);
    const { job, session, workspace } = await startSession(ada, { job_type: 'terminal' });
    const opened = await visit(session.url);
    expect(opened.response.status).toBe(200);
    const pid = (await ada.client.jobs.get(job.id)).resource_job_id;
    const born = await startOf(pid);
    expect(born).toBeTruthy();
    const processes = await processesOfJobs(first);

    // A terminal sends SIGINT to the whole group of its foreground process.
    const group = await groupOf(first.process.pid ?? 0);
    expect(await Promise.all(processes.map(groupOf))).not.toContain(group);
    await first.stop('SIGINT');
    expect(first.process.exitCode).toBe(0);
    expect(first.output()).toContain('running jobs go on');
    expect(await startOf(pid)).toBe(born);

    const second = await startServer({ dataDirectory: first.dataDirectory, port: first.port });
    onTestFinished(() => second.stop());
    expect(await startOf(pid)).toBe(born);
    const found = (await ada.client.jobs.list()).items;
    expect(found).toMatchObject([{ id: job.id, status: 'running', workspace_id: workspace.id, resource_job_id: pid }]);
    // Both the page that is still open, with its cookie, and a new ticket lead in.
    expect((await visit(opened.url, opened.cookie)).response.status).toBe(200);
    const again = await ada.client.jobs.waitUntilReady(job.id);
    expect((await visit(again.url)).response.status).toBe(200);
    expect(await processesOfJobs(second)).toEqual(processes);

    expect(await putAway(second, [ada])).toEqual([]);
    expect(await startOf(pid)).toBeUndefined();
  });
});

/** Without those by which a launch's watch sleeps, each time anew. */
async function processesOfJobs({ dataDirectory, process: { pid: server } }: RunningServer): Promise<number[]> {
  const lasting: number[] = [];
  for (const pid of await processesBelow(dataDirectory)) {
    const name = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => 'sleep\n');
    if (pid !== server && name !== 'sleep\n') lasting.push(pid);
  }
  return lasting;
}

async function groupOf(pid: number): Promise<string | undefined> {
  return (await statOf(pid))[2];
}

/** When a process started, which tells it from a later one with its number; `undefined` if it has ended, read by its parent or not. */
async function startOf(pid: number): Promise<string | undefined> {
  const fields = await statOf(pid);
  return fields[0] === 'Z' ? undefined : fields[19];
}

/** What the kernel tells of a process, from its state on. */
async function statOf(pid: number): Promise<string[]> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
}

describe('the three ways in of the README', () => {
  let server: RunningServer;
  let user: User;

  beforeAll(async () => {
    server = await startServer();
    user = await signInAsReadme();
  });

  afterAll(async () => {
    expect(await putAway(server, [user])).toEqual([]);
  });

  /** The first user, whom both the SDK's and curl's example sign in. */
  async function signInAsReadme(): Promise<User> {
    const client = new UserWorkspaces({ baseUrl: server.baseUrl });
    const { token } = await client.signIn({
      client_token: server.clientToken,
      user_info: { username: 'user', email: 'user@localhost' },
    });
    const request: User['request'] = (path) =>
      fetch(server.baseUrl + path, { headers: { 'UWS-Authorization': `Token ${token}` } });
    return { client, token: token ?? '', username: 'user', request };
  }

  test('the SDK: the program of the README is the one in examples/sdk, and it runs', async () => {
    const block = blockAfter('**1. The SDK.**', 'ts');
    const example = await readFile(join(root, 'examples/sdk/start.mjs'), 'utf8');
    const withoutFirst = (text: string): string => text.slice(text.indexOf('\n') + 1);
    expect(block.startsWith('// ')).toBe(true);
    expect(withoutFirst(example)).toBe(withoutFirst(block));

    const env = { UWS_URL: server.baseUrl, UWS_CLIENT_TOKEN: server.clientToken };
    const { code, stdout, stderr } = await run(process.execPath, ['examples/sdk/start.mjs'], env);
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^(pending\n)?running\n(running\n)*Open http:\/\/127\.0\.0\.1:\d+\/passthrough\/\S+uws_ticket=\S+\n$/,
    );
    const [job] = (await user.client.jobs.list({ order: '-id' })).items;
    if (!job) throw new Error('The example made no job.');
    expect(await user.client.jobs.waitUntilEnded(job.id)).toMatchObject({
      status: 'complete',
      status_reason: 'stopped',
    });
    expect(await user.client.files.readText(job.workspace_id ?? 0, 'hello.txt')).toBe('Hello!\n');
  });

  test('the SDK: the program of the README compiles under strict settings', () => {
    const file = join(root, 'test/end-to-end/start-of-readme.ts');
    const options: ts.CompilerOptions = {
      strict: true,
      exactOptionalPropertyTypes: true,
      noEmit: true,
      skipLibCheck: true,
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      types: ['node'],
    };
    const host = ts.createCompilerHost(options);
    const { getSourceFile, fileExists, readFile: readSource } = host;
    const text = blockAfter('**1. The SDK.**', 'ts');
    host.fileExists = (name) => name === file || fileExists.call(host, name);
    host.readFile = (name) => (name === file ? text : readSource.call(host, name));
    host.getSourceFile = (name, ...rest) =>
      name === file ? ts.createSourceFile(name, text, ts.ScriptTarget.ES2022) : getSourceFile.call(host, name, ...rest);
    const problems = ts.getPreEmitDiagnostics(ts.createProgram([file], options, host));
    expect(problems.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))).toEqual([]);
  });

  test('curl: the commands run in bash as they stand, with the address and the token of this server', async () => {
    const commands = blockAfter('**2. `curl`**', 'sh')
      .replaceAll('http://127.0.0.1:5050', server.baseUrl)
      .replace('CLIENT_TOKEN=…', `CLIENT_TOKEN=${server.clientToken}`);
    expect(commands.match(/curl /g)?.length).toBeGreaterThanOrEqual(3);
    const { code, stdout, stderr } = await run('bash', ['-euo', 'pipefail', '-c', commands], {});
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const answers: unknown[] = stdout.split(/(?<=\})\s*(?=\{")/).map((text) => JSON.parse(text));
    expect(answers).toMatchObject([
      { success: true, data: { workspace: { name: 'By hand', default_job_type: 'local_test_job' } } },
      { success: true, data: { workspaces: expect.arrayContaining([expect.objectContaining({ name: 'By hand' })]) } },
    ]);
  });

  test('the browser: the sign-in link leads to a page of this server', async () => {
    const page = await fetch(`${server.baseUrl}/`);
    expect(page.headers.get('content-type')).toMatch(/^text\/html/);
    expect(await page.text()).toContain('<title>User Workspaces</title>');
    expect((await fetch(`${server.baseUrl}/docs/`)).status).toBe(200);
  });

  test('files that the README names are there', async () => {
    const links = [...readme.matchAll(/\]\((?!https?:)([^)#]+)\)/g)].map(([, path]) => path ?? '');
    expect(links.length).toBeGreaterThan(10);
    const missing: string[] = [];
    for (const path of links) await stat(join(root, path)).catch(() => missing.push(path));
    expect(missing).toEqual([]);
  });
});
