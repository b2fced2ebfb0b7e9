// How soon a job runs, and how many are launched in a second, on this machine, on a real Slurm cluster of two nodes and, where one is named, by a Docker engine.
//   node test/bench/launches.mjs [unix:///var/run/docker.sock image]      Needs a build, root, and the packages that .ci/run installs for Slurm.
import { execFile, execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chownSync, mkdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { createDockerResource } from '@user-workspaces/resource-docker';
import { createLocalResource } from '@user-workspaces/resource-local';
import { createSlurmResource } from '@user-workspaces/resource-slurm';
import { restUrl, startCluster, user } from './cluster.mjs';

const oneByOne = 10;
const together = 40;
const atOnce = 8;
const [url, image] = process.argv.slice(2);

const cluster = await startCluster();
const { directory, slurmConf, keyFile } = cluster;
let jobs = 0;
try {
  const id = (option) => Number(execFileSync('id', [option, user], { encoding: 'utf8' }));
  const account = { name: user, uid: id('-u'), gid: id('-g') };
  const workspacePath = `${directory}/workspace`;
  mkdirSync(workspacePath);
  chownSync(workspacePath, account.uid, account.gid);
  const records = (name) => {
    mkdirSync(`${directory}/${name}`, { mode: 0o700 });
    return `${directory}/${name}`;
  };
  const resources = [
    await createLocalResource({ name: 'local', recordsDirectory: records('local') }),
    await createSlurmResource({
      name: 'Slurm, by commands',
      recordsDirectory: records('slurm'),
      commandLine: { slurmConf },
    }),
    await createSlurmResource({
      name: 'Slurm, by slurmrestd',
      recordsDirectory: records('rest'),
      commandLine: { slurmConf },
      rest: { url: restUrl, keyFile },
    }),
    ...(url ? [createDockerResource({ name: 'Docker', address: { url }, defaults: { image } })] : []),
  ];
  const rows = [];
  for (const resource of resources) {
    rows.push(await measure(resource, account, workspacePath));
    await resource.close();
  }
  rows.push(await measureByHand(slurmConf, account));
  console.table(rows);
  console.log(
    `Medians of ${oneByOne} jobs, one after the other at any time, seen by looks 20 ms apart; the rate is of ${together} launches, ${atOnce} at once.`,
  );
} finally {
  cluster.down();
}

async function measure(resource, account, workspacePath) {
  const make = () => ({
    launchKey: randomBytes(16).toString('hex'),
    jobId: ++jobs,
    account,
    workspacePath,
    command: ['sleep', '300'],
    files: [],
    environment: {},
    limits: { cpus: 0.1, memoryMb: 32 },
    options: {},
  });
  const launched = [];
  const answered = [];
  const running = [];
  for (let count = 0; count < oneByOne; count += 1) {
    const job = make();
    launched.push(job);
    const start = performance.now();
    await resource.launch(job);
    answered.push(performance.now() - start);
    while ((await observe(resource, job)).kind !== 'running') await sleep(20);
    running.push(performance.now() - start);
    await end(resource, job);
    // A scheduler looks for new jobs at intervals, and at the end of another job: launches shall come at any time.
    await sleep(1000 + Math.random() * 1000);
  }
  const queue = Array.from({ length: together }, make);
  launched.push(...queue);
  const start = performance.now();
  const todo = queue.values();
  const worker = async () => {
    for (const job of todo) await resource.launch(job);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  const rate = together / ((performance.now() - start) / 1000);
  await tidy(resource, launched);
  return {
    resource: resource.name,
    'launch answered, ms': Math.round(median(answered)),
    'running, ms': Math.round(median(running)),
    'launches a second': Number(rate.toPrecision(3)),
  };
}

async function observe(resource, job) {
  return (await resource.observe([{ ...job, handle: null }])).get(job.launchKey);
}

async function end(resource, job) {
  for (;;) {
    const { kind } = await observe(resource, job);
    if (kind === 'ended' || kind === 'absent') return;
    await resource.stop({ ...job, handle: null }, 0);
    await sleep(20);
  }
}

async function tidy(resource, all) {
  for (const job of all) {
    await end(resource, job);
    await resource.forget({ ...job, handle: null });
  }
}

/** The same by hand, and not held: what of it is the cluster's own. */
async function measureByHand(slurmConf, { uid, gid }) {
  const run = async (file, words, identity = {}) =>
    (await promisify(execFile)(file, words, { ...identity, cwd: '/', env: { ...process.env, SLURM_CONF: slurmConf } }))
      .stdout;
  const running = [];
  for (let count = 0; count < oneByOne; count += 1) {
    const start = performance.now();
    const words = ['--parsable', '--chdir=/', '--output=/dev/null', '--mem=32M', '--wrap=sleep 300'];
    const id = (await run('sbatch', words, { uid, gid })).trim();
    while ((await run('squeue', ['--noheader', `--jobs=${id}`, '--format=%T'])).trim() !== 'RUNNING') await sleep(20);
    running.push(performance.now() - start);
    await run('scancel', [id]);
    await sleep(1000 + Math.random() * 1000);
  }
  return { resource: 'Slurm, sbatch by hand', 'running, ms': Math.round(median(running)) };
}

function median(values) {
  return values.sort((one, other) => one - other)[Math.floor(values.length / 2)];
}
