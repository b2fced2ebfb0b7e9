// What a whole server costs that follows 10, 1,000 and 10,000 jobs in the queue of a real Slurm cluster, beside one that follows none and beside a `squeue` for each job, as spawners ask.
//   node test/bench/slurm.mjs [seconds of each measurement] [commands | slurmrestd]      Needs a build, root, and the packages that .ci/run installs for Slurm.
//
// One job is started through the server's API. The others are copies of all that the server keeps of that one when it waits in the cluster: its row, its workspace's row and
// directory, its records. Each has a launch key of its own, and a job of its own in the cluster's queue under the name that a launch with that key gives. That the server follows them
// all is seen in its rows: the reason for which a copy waits was left out, and has to come from the cluster.
import { randomBytes } from 'node:crypto';
import { chownSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { UserWorkspaces } from '@user-workspaces/client';
import { createSqlDatabase } from '@user-workspaces/database-sql';
import { restUrl, startCluster, user } from './cluster.mjs';
import { baseUrl, clientToken, costOf, cpuOf, startServer } from './server-process.mjs';

const [secondsText = '120', transport = 'commands'] = process.argv.slice(2);
const seconds = Number(secondsText);
/** How often a JupyterHub asks each spawner, unless it is told otherwise. */
const pollSeconds = 30;
const polled = 100;
/** Between two changes in the last measurement: a job is stopped and another started in its place, so that each of 10,000 would wait for a day. */
const changeSeconds = 10;

const cluster = await startCluster();
const dataDirectory = join(cluster.directory, 'data');
const configuration = join(cluster.directory, 'config.json');
let server;
try {
  // As long as this job has all processors of both nodes nothing else starts.
  const everything = ['--nodes=2', '--exclusive', '--time=600', '--output=/dev/null', '--chdir=/'];
  cluster.run('sbatch', ...everything, '--wrap=exec sleep 36000');
  writeFileSync(configuration, JSON.stringify(configured()));
  const rows = [];
  server = await startServer(dataDirectory, configuration);
  rows.push({ jobs: '0', ...(await costOfBoth()) });
  const client = new UserWorkspaces({ baseUrl });
  await client.signIn({ client_token: clientToken, user_info: { username: user, email: `${user}@localhost` } });
  const workspace = await client.workspaces.create({ name: 'bench', description: '' });
  const first = await client.workspaces.start(workspace.id, { job_type: 'terminal' });
  while ((await client.jobs.get(first.id)).queue_reason === null) await sleep(100);
  let present = 1;
  for (const count of [10, 1000, 10_000]) {
    await server.stop();
    await withDatabase((database) => copy(database, first.id, count - present));
    present = count;
    server = await startServer(dataDirectory, configuration);
    await untilFollowed(count);
    rows.push({ jobs: String(count), ...(await costOfBoth()), ...costOfAskingEach(count) });
  }
  const changing = new AbortController();
  const changes = changeJobs(client, changing.signal);
  rows.push({ jobs: `${present}, of which some change`, ...(await costOfBoth()) });
  changing.abort();
  console.log(`${await changes} jobs were stopped, and as many started.`);
  console.table(rows, [...new Set(rows.flatMap(Object.keys))]);
} finally {
  await server?.stop();
  cluster.down();
}

function configured() {
  const connection_details = {
    slurm_conf: cluster.slurmConf,
    ...(transport === 'slurmrestd' && { rest_url: restUrl, jwt_key_file: cluster.keyFile }),
  };
  return {
    main_resource: 'cluster',
    accounts: 'system',
    available_resources: { cluster: { resource_type: 'SlurmResource', connection_details } },
    available_job_types: { terminal: { job_type: 'TerminalJob', environment_details: { cluster: {} } } },
  };
}

async function costOfBoth() {
  const daemons = [
    ['slurmctld', cluster.controller],
    ...(transport === 'slurmrestd' ? [['slurmrestd', cluster.restDaemon]] : []),
  ];
  const [events, before, startMs] = [await eventCount(), daemons.map(([, pid]) => cpuOf(pid).ownMs), performance.now()];
  const cost = await costOf(server, seconds);
  const tookMs = performance.now() - startMs;
  return {
    ...cost,
    'events written': (await eventCount()) - events,
    ...Object.fromEntries(
      daemons.flatMap(([name, pid], index) => [
        [`${name}, %`, Number((((cpuOf(pid).ownMs - before[index]) / tookMs) * 100).toFixed(1))],
        [`${name}, MB`, memoryOf(pid)],
      ]),
    ),
  };
}

function memoryOf(pid) {
  const [, kilobytes] = /^VmRSS:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Math.round(Number(kilobytes) / 1000);
}

/** As batchspawner asks, by one command for each job, every 30 s: the CPU of some of the commands, times the number of jobs. */
function costOfAskingEach(count) {
  const ids = cluster
    .run('squeue', '--noheader', '--states=PENDING', '--format=%i')
    .trim()
    .split('\n')
    .slice(0, polled);
  const [commands, scheduler] = [cpuOf('self'), cpuOf(cluster.controller)];
  for (const id of ids) cluster.run('squeue', '-h', '-j', id, '-o', '%T %B');
  const percent = (ms) => Number(((ms / ids.length / (pollSeconds * 1000)) * count * 100).toPrecision(2));
  return {
    'squeue for each, %': percent(cpuOf('self').childrenMs - commands.childrenMs),
    'slurmctld for that, %': percent(cpuOf(cluster.controller).ownMs - scheduler.ownMs),
  };
}

/** Makes further jobs of the one that was started. */
async function copy(database, jobId, number) {
  const { id: _, ...job } = await database.findOne('jobs', { id: jobId });
  const { id: __, ...workspace } = await database.findOne('workspaces', { id: job.workspace_id });
  const { uid, gid } = statSync(workspace.location);
  const keys = Array.from({ length: number }, () => randomBytes(16).toString('hex'));
  const ids = await cluster.submit(keys.map((key) => ({ name: `uws-${key}`, time_limit: 60, no_requeue: true })));
  const records = join(dataDirectory, 'launches', 'cluster');
  const kept = readdirSync(join(records, job.launch_key)).map((name) => [
    name,
    readFileSync(join(records, job.launch_key, name)),
  ]);
  await database.transaction(async (transaction) => {
    for (const [index, launch_key] of keys.entries()) {
      const location = join(dirname(workspace.location), launch_key);
      mkdirSync(location, { mode: 0o700 });
      chownSync(location, uid, gid);
      mkdirSync(join(records, launch_key), { mode: 0o700 });
      for (const [name, content] of kept) writeFileSync(join(records, launch_key, name), content);
      const claim = JSON.stringify({ kind: 'job', id: ids[index], port: null });
      writeFileSync(join(records, launch_key, 'claim'), claim);
      const { id: workspace_id } = await transaction.insert('workspaces', { ...workspace, location });
      await transaction.insert('jobs', {
        ...job,
        workspace_id,
        launch_key,
        created_at_ms: Date.now(),
        resource_handle: String(ids[index]),
        resource_job_id: ids[index],
        queue_reason: null,
        expected_start_at_ms: null,
      });
    }
  });
}

/** Waits until the server has written down why each of its jobs waits, and writes nothing any more. */
async function untilFollowed(count) {
  for (let [quiet, events] = [0, -1]; quiet < 3; ) {
    await sleep(15_000);
    const waiting = await withDatabase((database) => database.find('jobs', { where: { status: 'pending' } }));
    const seen = waiting.filter(({ queue_reason }) => queue_reason !== null).length;
    if (waiting.length !== count) throw new Error(`${waiting.length} of ${count} jobs wait.`);
    const now = await eventCount();
    console.error(`${seen} of ${count} jobs are followed, ${now} events.`);
    quiet = seen === count && now === events ? quiet + 1 : 0;
    events = now;
  }
}

/** Stops a job and starts another in its workspace, again and again; how many. */
async function changeJobs(client, signal) {
  const { items } = await client.jobs.list({ limit: 100 });
  let changed = 0;
  for (const job of items) {
    if (signal.aborted) break;
    await client.jobs.stop(job.id);
    await client.workspaces.start(job.workspace_id, { job_type: 'terminal' });
    changed += 1;
    await sleep(changeSeconds * 1000, undefined, { signal }).catch(() => undefined);
  }
  return changed;
}

function eventCount() {
  return withDatabase((database) => database.count('events', {}));
}

async function withDatabase(work) {
  const database = createSqlDatabase({ client: 'sqlite', file: join(dataDirectory, 'server', 'user-workspaces.db') });
  try {
    return await work(database);
  } finally {
    await database.close();
  }
}
