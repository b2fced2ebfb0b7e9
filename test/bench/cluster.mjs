// A real Slurm cluster of two nodes for a measurement, and many jobs at once in its queue.
import { execFileSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export const user = 'uwsbench';
export const restUrl = 'http://127.0.0.1:6820';

const script = (name) => fileURLToPath(new URL(`../backends/slurm/${name}`, import.meta.url));

/** Starts one; waits while a test has one. */
export async function startCluster() {
  const turn = await takeTurn();
  const directory = mkdtempSync(`${tmpdir()}/uws-slurm-`);
  chmodSync(directory, 0o755);
  const down = () => {
    execFileSync(script('down.sh'), [directory]);
    rmSync(directory, { recursive: true, force: true });
    turn.close();
  };
  try {
    execFileSync(script('up.sh'), [directory], { env: { ...process.env, JOB_USERS: user }, stdio: 'ignore' });
  } catch (error) {
    down();
    throw error;
  }
  const slurmConf = `${directory}/etc/slurm.conf`;
  const keyFile = `${directory}/keys/jwt.key`;
  return {
    directory,
    slurmConf,
    keyFile,
    /** Process id of the scheduler. */
    controller: Number(readFileSync(`${directory}/run/slurmctld/slurmctld.pid`, 'utf8')),
    /** Process id of slurmrestd. */
    restDaemon: Number(readFileSync(`${directory}/run/rest/slurmrestd.pid`, 'utf8')),
    run: (file, ...words) =>
      execFileSync(file, words, { env: { ...process.env, SLURM_CONF: slurmConf }, encoding: 'utf8' }),
    submit: (jobs) => submit(tokenOf(readFileSync(keyFile)), jobs),
    down,
  };
}

/** One cluster at a time on a machine: whoever listens here has it. */
async function takeTurn() {
  for (;;) {
    const server = createServer().listen(26_817, '127.0.0.1');
    const isMine = await once(server, 'listening').then(
      () => true,
      () => false,
    );
    if (isMine) return server;
    await sleep(500);
  }
}

/** Submits jobs with these fields by slurmrestd, eight at a time; their numbers. */
async function submit(token, jobs) {
  const agent = new Agent({ keepAlive: false, maxSockets: 8 });
  return Promise.all(
    jobs.map(async (fields) => {
      const job = {
        environment: { PATH: '/usr/bin:/bin' },
        current_working_directory: '/',
        standard_output: '/dev/null',
        ...fields,
      };
      const body = JSON.stringify({ script: '#!/bin/sh\ntrue\n', job });
      const headers = {
        'X-SLURM-USER-NAME': user,
        'X-SLURM-USER-TOKEN': token,
        'Content-Type': 'application/json',
        'Content-Length': Buffer.byteLength(body),
        Connection: 'keep-alive',
      };
      const asked = request(`${restUrl}/slurm/v0.0.38/job/submit`, { method: 'POST', agent, headers });
      asked.end(body);
      const [response] = await once(asked, 'response');
      let text = '';
      for await (const piece of response) text += piece;
      const { job_id: id } = JSON.parse(text);
      if (!(id > 0)) throw new Error(text);
      return id;
    }),
  );
}

function tokenOf(key) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ exp: Math.floor(Date.now() / 1000) + 3600, sun: user })}`;
  return `${signed}.${createHmac('sha256', key).update(signed).digest('base64url')}`;
}
