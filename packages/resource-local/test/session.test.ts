// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the templates are evaluated in the programs of the jobs
import { existsSync, symlinkSync, writeFileSync } from 'node:fs';
import { lchown, mkdir, rename, rm, stat } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LaunchSpecification, Observation } from '@user-workspaces/contract';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Bench, isRoot, makeBench, observe, observeUntil, referenceTo, running, until } from './support.js';

const secret = 'abcdefghijklmnopqrstuvwxyz0123456789_-ABCDE';
const session = { secret };
const hasSession = (observation: Observation) => observation.kind === 'running' && observation.session !== undefined;
const problem = (observation: Observation) => (observation.kind === 'running' ? observation.sessionProblem : undefined);

/** A job that listens and reports; `report` is an expression over `port`. */
const web = (report = '`${process.env.UWS_SECRET} ${port} /lab\\n`', more = ''): LaunchSpecification['command'] => [
  process.execPath,
  '-e',
  `const { writeFileSync, renameSync } = require('fs');
   const server = require('net').createServer().listen(Number(process.env.UWS_PORT), process.env.UWS_HOST, () => {
     const { port } = server.address();
     writeFileSync(process.env.UWS_REPORT + '.new', ${report});
     renameSync(process.env.UWS_REPORT + '.new', process.env.UWS_REPORT);
     ${more}
   });`,
];

let bench: Bench;
const servers: Server[] = [];
beforeEach(async () => {
  bench = await makeBench();
});
afterEach(async () => {
  for (const server of servers.splice(0)) server.close();
  await bench.end();
});

async function launch(command: LaunchSpecification['command'], changes: Partial<LaunchSpecification> = {}) {
  const specification = bench.specification(command, { session, ...changes });
  await bench.resource.launch(specification);
  await running(bench.resource, specification);
  return specification;
}

/** The problem that stays when the job has had time to report. */
async function refusal(command: LaunchSpecification['command'], resource = bench.resource) {
  const specification = await launch(command);
  const observation = await observeUntil(
    resource,
    referenceTo(specification),
    (seen) => !problem(seen)?.includes('not reported'),
  );
  expect(hasSession(observation)).toBe(false);
  return problem(observation);
}

describe('the report of a session', () => {
  it.each([
    ['the strongest isolation', {}],
    ['the marker alone', { isolation: 'marker' }],
  ] as const)('gives its address, with %s', async (_name, options) => {
    const resource = await bench.open(options);
    const specification = bench.specification(web(), { session });
    await resource.launch(specification);
    const observation = await observeUntil(resource, referenceTo(specification), hasSession);
    expect(observation).toMatchObject({ session: { host: '127.0.0.1', path: '/lab' } });
    // Known from the records alone after a restart.
    const next = await bench.open();
    expect(await observe(next, referenceTo(specification))).toMatchObject({ session: { path: '/lab' } });
  });

  it('is awaited, and then pushed within a second', async () => {
    const abort = new AbortController();
    const script = 'while [ ! -e go ]; do sleep 0.05; done; exec "$@"';
    const specification = bench.specification(['sh', '-c', script, '-', ...web()], { session });
    const reference = referenceTo(specification);
    const found = new Promise<number>((resolve) => {
      bench.resource.watch(async (keys) => {
        if (!keys.includes(specification.launchKey)) return;
        if (hasSession(await observe(bench.resource, reference))) resolve(Date.now());
      }, abort.signal);
    });
    await bench.resource.launch(specification);
    const first = await running(bench.resource, specification);
    expect(first.sessionProblem).toBe('The session has not reported its port yet.');
    await sleep(300);
    writeFileSync(`${bench.workspacePath}/go`, '');
    const foundAtMs = await found;
    const { mtimeMs } = await stat(`${bench.workspacePath}/.${specification.jobId}/session`);
    expect(foundAtMs - mtimeMs).toBeLessThan(1000);
    abort.abort();
  });

  it.each([
    ['a low port', '`${process.env.UWS_SECRET} 80 /\\n`', '1024'],
    ['a path that is none', '`${process.env.UWS_SECRET} ${port} lab\\n`', 'path'],
    ['a path with a query', '`${process.env.UWS_SECRET} ${port} /a?b\\n`', 'path'],
    ['a path with a line break', '`${process.env.UWS_SECRET} ${port} /a\\r\\nX: y\\n`', 'path'],
    ['a megabyte', '"x".repeat(1048576)', 'too long'],
    ['no line', '"nothing"', 'is not'],
  ])('is refused with %s', async (_what, report, word) => {
    expect(await refusal(web(report))).toContain(word);
  });

  it("is refused with another's port, and with one where nothing listens", async () => {
    const server = createServer().listen(0, '127.0.0.1');
    servers.push(server);
    await new Promise((resolve) => server.once('listening', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    expect(await refusal(web(`\`\${process.env.UWS_SECRET} ${port} /\\n\``))).toBe(
      `Port ${port}, which the session reported, belongs to another process.`,
    );
    server.close();
    expect(await refusal(web(`\`\${process.env.UWS_SECRET} ${port} /\\n\``))).toContain('does not listen');
  });

  it("is refused with the port of the same account's other job", async () => {
    const other = await launch(web());
    const found = await observeUntil(bench.resource, referenceTo(other), hasSession);
    const port = found.kind === 'running' ? found.session?.port : undefined;
    expect(await refusal(web(`\`\${process.env.UWS_SECRET} ${port} /\\n\``))).toContain('belongs to another process');
  });

  it('is not read through a link in place of the report or of the job directory, nor from a pipe', async () => {
    const specification = await launch(['sleep', '100']);
    const directory = `${bench.workspacePath}/.${specification.jobId}`;
    const outside = `${bench.root}/outside`;
    await mkdir(outside);
    writeFileSync(`${outside}/session`, `${secret} 40000 /\n`);
    const give = async (path: string) => {
      if (isRoot) await lchown(path, 12345, 12346);
    };
    await give(`${outside}/session`);
    await until(() => existsSync(directory));

    symlinkSync(`${outside}/session`, `${directory}/session`);
    await give(`${directory}/session`);
    expect(problem(await observe(bench.resource, referenceTo(specification)))).toContain('is a link');

    await rename(directory, `${directory}.old`);
    symlinkSync(outside, directory);
    await give(directory);
    expect(problem(await observe(bench.resource, referenceTo(specification)))).toContain('is a link');

    await rm(directory);
    await mkdir(directory);
    const { execFileSync } = await import('node:child_process');
    execFileSync('mkfifo', [`${directory}/session`]);
    await give(`${directory}/session`);
    expect(problem(await observe(bench.resource, referenceTo(specification)))).toContain('not a file of the job');
  });

  it('counts only as long as the same sockets listen', async () => {
    const specification = await launch(
      web(undefined, 'setInterval(() => { if (require("fs").existsSync("close")) server.close(); }, 20);'),
    );
    const reference = referenceTo(specification);
    const first = await observeUntil(bench.resource, reference, hasSession);
    const port = first.kind === 'running' ? first.session?.port : undefined;
    writeFileSync(`${bench.workspacePath}/close`, '');
    await observeUntil(bench.resource, reference, (seen) => !hasSession(seen));
    const server = createServer().listen(port, '127.0.0.1');
    servers.push(server);
    await new Promise((resolve) => server.once('listening', resolve));
    const seen = await observe(bench.resource, reference);
    expect(problem(seen)).toContain('belongs to another process');
    expect(seen).toMatchObject({ sessionTaken: true });
  });
});

describe('ports', () => {
  it('are not assigned twice among living launches, nor after a restart', async () => {
    const command = ['sh', '-c', 'echo $UWS_PORT > port-$UWS_JOB_ID; sleep 100'] as const;
    const specifications = Array.from({ length: 5 }, () => bench.specification([...command], { session }));
    const next = await bench.open();
    await Promise.all(specifications.map((each, index) => (index % 2 ? next : bench.resource).launch(each)));
    const { readFileSync } = await import('node:fs');
    const ports = specifications.map(
      ({ launchKey }) => JSON.parse(readFileSync(`${bench.recordsDirectory}/${launchKey}/launch.json`, 'utf8')).port,
    );
    expect(new Set(ports).size).toBe(5);
  });
});
