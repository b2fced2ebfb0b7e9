// What it costs to follow 10, 1,000 and 10,000 jobs that wait on a real Slurm cluster: one look at all of them, beside a `squeue` for each, as spawners do that ask job by job.
//   node test/bench/slurm.mjs [looks]      Needs a build, root, and the packages that .ci/run installs for Slurm.
import { execFileSync } from 'node:child_process';
import { createHmac, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { createSlurmResource } from '@user-workspaces/resource-slurm';

const looks = Number(process.argv[2] ?? 5);
const user = 'uwsbench';
const script = (name) => fileURLToPath(new URL(`../backends/slurm/${name}`, import.meta.url));

// One cluster at a time on a machine: whoever listens here has it.
const turn = createServer().listen(26_817, '127.0.0.1');
await once(turn, 'listening');
const directory = mkdtempSync(`${tmpdir()}/uws-slurm-`);
execFileSync('chmod', ['755', directory]);
const slurmConf = `${directory}/etc/slurm.conf`;
try {
  execFileSync(script('up.sh'), [directory], { env: { ...process.env, JOB_USERS: user }, stdio: 'ignore' });
  const recordsDirectory = `${directory}/records`;
  mkdirSync(recordsDirectory, { mode: 0o700 });
  const resource = await createSlurmResource({ name: 'cluster', recordsDirectory, commandLine: { slurmConf } });
  const account = { name: user, uid: 1, gid: 1 };
  const launches = [];
  const rows = [];
  for (const count of [10, 1000, 10_000]) {
    await submit(count - launches.length);
    const all = await cost(looks, async () => {
      const seen = await resource.observe(launches);
      const waiting = [...seen.values()].filter(({ kind }) => kind === 'pending').length;
      if (waiting !== count) throw new Error(`${waiting} of ${count} jobs are seen waiting.`);
    });
    const some = launches.slice(0, 20);
    const each = await cost(1, async () => {
      for (const { handle } of some) {
        execFileSync('squeue', ['--noheader', `--jobs=${handle}`, '--format=%T %B'], {
          env: { ...process.env, SLURM_CONF: slurmConf },
        });
      }
    });
    rows.push({
      jobs: count,
      'one look, s': seconds(all.wallMs),
      'its CPU, s': seconds(all.cpuMs),
      'squeue per job, s': seconds((each.wallMs / some.length) * count),
      'their CPU, s': seconds((each.cpuMs / some.length) * count),
    });
  }
  console.table(rows);
  console.log(
    `Mean of ${looks} looks; of squeue per job, of 20 jobs each. CPU of this process and the commands that it runs, without the scheduler's.`,
  );
  await resource.close();

  /** Submits jobs that wait, and writes down what a launch of each would have written. */
  async function submit(number) {
    const agent = new Agent({ keepAlive: false, maxSockets: 8 });
    const token = tokenOf(readFileSync(`${directory}/keys/jwt.key`));
    await Promise.all(
      Array.from({ length: number }, async () => {
        const launchKey = randomBytes(16).toString('hex');
        const job = {
          name: `uws-${launchKey}`,
          hold: true,
          environment: { PATH: '/usr/bin:/bin' },
          current_working_directory: '/',
          standard_output: '/dev/null',
        };
        const handle = await post(agent, token, JSON.stringify({ script: '#!/bin/sh\ntrue\n', job }));
        mkdirSync(`${recordsDirectory}/${launchKey}`, { mode: 0o700 });
        writeFileSync(`${recordsDirectory}/${launchKey}/intent`, '');
        writeFileSync(
          `${recordsDirectory}/${launchKey}/claim`,
          JSON.stringify({ kind: 'job', id: handle, port: null }),
        );
        launches.push({
          launchKey,
          handle: String(handle),
          account,
          workspacePath: '/nowhere',
          jobId: launches.length,
        });
      }),
    );
  }
} finally {
  execFileSync(script('down.sh'), [directory]);
  turn.close();
}

function tokenOf(key) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ exp: Math.floor(Date.now() / 1000) + 3600, sun: user })}`;
  return `${signed}.${createHmac('sha256', key).update(signed).digest('base64url')}`;
}

async function post(agent, token, body) {
  const headers = {
    'X-SLURM-USER-NAME': user,
    'X-SLURM-USER-TOKEN': token,
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(body),
    Connection: 'keep-alive',
  };
  const asked = request({
    host: '127.0.0.1',
    port: 6820,
    method: 'POST',
    path: '/slurm/v0.0.38/job/submit',
    agent,
    headers,
  });
  asked.end(body);
  const [response] = await once(asked, 'response');
  let text = '';
  for await (const piece of response) text += piece;
  const { job_id: id } = JSON.parse(text);
  if (!(id > 0)) throw new Error(text);
  return id;
}

async function cost(times, work) {
  const [wall, cpu] = [performance.now(), cpuMs()];
  for (let time = 0; time < times; time++) await work();
  return { wallMs: (performance.now() - wall) / times, cpuMs: (cpuMs() - cpu) / times };
}

/** CPU time of this process and of the children that it has waited for. */
function cpuMs() {
  const fields = readFileSync('/proc/self/stat', 'utf8').split(') ')[1].split(' ').slice(11, 15);
  return fields.reduce((sum, ticks) => sum + Number(ticks), 0) * 10;
}

function seconds(milliseconds) {
  return Number((milliseconds / 1000).toPrecision(3));
}
