// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the templates are evaluated in the programs of the jobs
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LaunchSpecification, SessionAddress } from '@user-workspaces/contract';
import { type Jobs, referenceTo } from './jobs.js';
import { type ResourceGuarantee, timeoutMs, withJobs } from './world.js';

/** What a session has to report. */
const truth = '`${process.env.UWS_SECRET} ${port} /start\\n`';

const newSecret = () => randomBytes(32).toString('base64url');

/**
 * A program that listens, says `hello <job id>` to who connects, and reports `report`: an expression over its `port`, or, when it is empty, each expression
 * that the test writes to `say-<job id>`, once. It ends when its workspace is gone.
 */
function serving(node: string, report = truth): LaunchSpecification['command'] {
  const program = `const fs = require('node:fs');
const { UWS_PORT, UWS_REPORT, UWS_JOB_ID, UWS_WORKSPACE } = process.env;
let said;
const server = require('node:net').createServer((socket) => socket.on('error', () => {}).end('hello ' + UWS_JOB_ID));
const say = (text, port) => {
  fs.writeFileSync(UWS_REPORT + '.new', eval(text));
  fs.renameSync(UWS_REPORT + '.new', UWS_REPORT);
};
server.once('listening', () => {
  const { port } = server.address();
  if (process.argv[1]) say(process.argv[1], port);
  setInterval(() => {
    if (!fs.existsSync(UWS_WORKSPACE)) process.exit();
    const told = UWS_WORKSPACE + '/say-' + UWS_JOB_ID;
    if (!fs.existsSync(told)) return;
    const [number, text] = fs.readFileSync(told, 'utf8').split('\\0');
    if (text === undefined || number === said) return;
    said = number;
    say(text, port);
    fs.writeFileSync(UWS_WORKSPACE + '/said-' + UWS_JOB_ID, number);
  }, 100);
}).listen(Number(UWS_PORT ?? 0));`;
  return [node, '-e', program, '--', report];
}

function greeting({ host, port }: SessionAddress): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    connect(port, host)
      .on('data', (piece) => {
        text += piece.toString();
      })
      .on('end', () => resolve(text))
      .on('error', reject);
  });
}

async function sessionOf(jobs: Jobs, specification: LaunchSpecification, resource = jobs.world.resource) {
  const seen = await jobs
    .observed(
      specification,
      (observation) => observation.kind !== 'running' || observation.session !== undefined,
      resource,
    )
    .catch((error: unknown) => {
      throw new Error('The session of a job that has reported was not found.', { cause: error });
    });
  const session = seen.kind === 'running' ? seen.session : undefined;
  if (seen.kind === 'pending') {
    await jobs.running(specification, resource);
    return sessionOf(jobs, specification, resource);
  }
  assert.ok(session, `There is no session: ${JSON.stringify(seen)}.`);
  return session;
}

/** Has the program of a session evaluate an expression and report what that gives. */
async function report(jobs: Jobs, jobId: number, number: number, expression: string): Promise<void> {
  await jobs.write(`say-${jobId}`, `${number}\0${expression}`);
  await jobs.until(
    async () => (await jobs.read(`said-${jobId}`)) === String(number) || undefined,
    'The job does not report.',
  );
}

/** Asserts for a moment that nobody is said to have taken the place of a session. */
async function notTaken(jobs: Jobs, specification: LaunchSpecification): Promise<void> {
  for (let reading = 0; reading < 4; reading++) {
    const { sessionTaken } = await jobs.running(specification);
    assert.equal(sessionTaken, undefined, 'Somebody is said to listen where nobody does but the session itself.');
    await sleep(80);
  }
}

/** Asserts that a job with false reports is given no address, however long it is observed, and that something says why. */
async function refused(jobs: Jobs, reports: readonly (readonly [expression: string, what: string])[]): Promise<void> {
  const { node } = jobs.world;
  const specification = await jobs.run(serving(node, ''), { session: { secret: newSecret() } });
  const { jobId } = specification;
  for (const [index, [expression, what]] of reports.entries()) {
    await report(jobs, jobId, index, expression);
    let problem: string | undefined;
    for (let reading = 0; reading < 4; reading++) {
      const seen = await jobs.running(specification);
      assert.equal(seen.session, undefined, `A report with ${what} was believed.`);
      problem = seen.sessionProblem;
      await sleep(80);
    }
    assert.ok(problem, `Nothing says why a report with ${what} is not believed.`);
  }
}

const without = {
  capability: 'sessions',
  trial: 'A job that reports a session is given no address, and something says why.',
  check: withJobs((jobs) => refused(jobs, [[truth, 'everything right, on a resource without sessions,']])),
} as const;

export const sessionGuarantees: readonly ResourceGuarantee[] = [
  {
    id: 'session.found',
    promise: "A reported session is found, for every instance: the resource's own host, the job's port and start page.",
    trial: 'Two jobs listen and report; each is reached at the address that two instances give.',
    timeoutMs,
    check: withJobs(async (jobs, { node, resource, reopen }) => {
      const launch = () => jobs.run(serving(node), { session: { secret: newSecret() } });
      const launches = await Promise.all([launch(), launch()]);
      for (const specification of launches) {
        const session = await sessionOf(jobs, specification);
        assert.equal(session.path, '/start');
        assert.equal(await greeting(session), `hello ${specification.jobId}`, "The address is not the job's own.");
        assert.deepEqual(await sessionOf(jobs, specification, await reopen()), session);
        const asked = await resource.observe([{ ...referenceTo(specification), session: { secret: newSecret() } }]);
        const seen = asked.get(specification.launchKey);
        assert.ok(seen?.kind === 'running' || seen?.kind === 'unknown', `The job is ${JSON.stringify(seen)}.`);
      }
    }),
    without,
  },
  {
    id: 'session.awaited',
    promise: 'A session that has not reported yet has no address, and something says what is missing.',
    trial: 'A job runs and says nothing; then it listens and reports.',
    timeoutMs,
    check: withJobs(async (jobs, { node }) => {
      const [program, ...words] = serving(node);
      const script = 'while [ ! -e go ]; do sleep 0.2; done; exec "$@"';
      const secret = newSecret();
      const specification = await jobs.run(['/bin/sh', '-c', script, '-', program, ...words], { session: { secret } });
      const before = await jobs.running(specification);
      assert.equal(before.session, undefined);
      assert.ok(before.sessionProblem, 'Nothing says that the session has not reported.');
      await jobs.write('go');
      assert.equal((await sessionOf(jobs, specification)).path, '/start');
    }),
    without,
  },
  {
    id: 'session.secret',
    promise: 'A report without the secret of the job is not believed.',
    trial: 'Jobs report another secret, a part of the secret, and none.',
    timeoutMs,
    check: withJobs(async (jobs) => {
      await refused(jobs, [
        ["`${'x'.repeat(43)} ${port} /\\n`", 'another secret'],
        ['`${process.env.UWS_SECRET.slice(0, 20)} ${port} /\\n`', 'a part of the secret'],
        ['` ${port} /\\n`', 'no secret'],
      ]);
    }),
    without,
  },
  {
    id: 'session.own-port',
    promise: "A port that is not the job's own is not believed.",
    trial: 'Jobs report the port of another job, and one on which nothing listens.',
    timeoutMs,
    check: withJobs(async (jobs, { node }) => {
      const other = await jobs.run(serving(node), { session: { secret: newSecret() } });
      const { port } = await sessionOf(jobs, other);
      await refused(jobs, [
        [`\`\${process.env.UWS_SECRET} ${port} /\\n\``, "another job's port"],
        ['(server.close(), `${process.env.UWS_SECRET} ${port} /\\n`)', 'a port on which nothing listens'],
      ]);
    }),
    without,
  },
  {
    id: 'session.taken',
    promise:
      'Where somebody else listens in the place of a session nobody is sent there: `sessionTaken` says so as long as it is so, and never of a session that only does not answer.',
    trial:
      'A session stops listening, and somebody else begins to, at its address; two instances are asked, one of which has never seen it. Then the session is back.',
    timeoutMs,
    check: withJobs(async (jobs, { node, reopen, takePort }) => {
      assert.ok(takePort, 'The world has no `takePort`; declare the difference `taken_ports` if there is none.');
      const specification = await jobs.run(serving(node), { session: { secret: newSecret() } });
      const { jobId } = specification;
      const session = await sessionOf(jobs, specification);
      await report(jobs, jobId, 1, `(server.close(), ${truth})`);
      await notTaken(jobs, specification);
      const end = await takePort(session);
      try {
        for (const instance of [jobs.world.resource, await reopen()]) {
          const seen = await jobs.observed(
            specification,
            (observation) => observation.kind !== 'running' || observation.sessionTaken === true,
            instance,
          );
          assert.ok(seen.kind === 'running', `The job should be running, but is ${JSON.stringify(seen)}.`);
          assert.equal(seen.session, undefined, 'Users are sent to somebody else who listens where the session did.');
          assert.ok(seen.sessionProblem, 'Nothing says what has become of the session.');
        }
      } finally {
        await end();
      }
      await report(jobs, jobId, 2, `(server.listen(port), ${truth})`);
      assert.deepEqual(await sessionOf(jobs, specification), session);
      await notTaken(jobs, specification);
    }),
    without: [
      without,
      {
        capability: 'taken_ports',
        trial:
          'A session stops listening and listens again: nobody is said to have taken its place, and it is found again.',
        check: withJobs(async (jobs, { node }) => {
          const specification = await jobs.run(serving(node), { session: { secret: newSecret() } });
          const session = await sessionOf(jobs, specification);
          await report(jobs, specification.jobId, 1, `(server.close(), ${truth})`);
          await notTaken(jobs, specification);
          await report(jobs, specification.jobId, 2, `(server.listen(port), ${truth})`);
          assert.deepEqual(await sessionOf(jobs, specification), session);
          await notTaken(jobs, specification);
        }),
      },
    ],
  },
  {
    id: 'session.hostile-report',
    promise: 'A report that is not `<secret> <port> <path>` with a plain path is not believed.',
    trial:
      'Low ports, numbers that are none, paths without a slash, with a line break or a query, a megabyte, and no line.',
    timeoutMs,
    check: withJobs(async (jobs) => {
      const of = (port: string, path: string) => `\`\${process.env.UWS_SECRET} ${port} ${path}\\n\``;
      await refused(jobs, [
        [of('80', '/'), 'a low port'],
        [of('99999', '/'), 'a port beyond all'],
        [of('${port}', 'start'), 'a path without a slash'],
        [of('${port}', '/a\\r\\nSet-Cookie: b'), 'a path with a line break'],
        [of('${port}', '/a?b#c'), 'a path with a query'],
        ["'x'.repeat(1048576)", 'a megabyte'],
        ["'nothing'", 'no line'],
      ]);
    }),
    without,
  },
];
