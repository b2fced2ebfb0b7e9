import { execFile } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type Random, seededRandom } from '../../simulation/random.js';
import { launchKeys } from '../../support/put-away.js';
import { processesBelow } from '../../support/server.js';
import { between, oneOf } from './chance.js';
import type { Cluster, ClusterOptions, Replica } from './cluster.js';
import type { Choice, Strike } from './plan.js';

const run = promisify(execFile);

type Fault = (cluster: Cluster, random: Random) => Promise<void>;

/** Longer than any lease of a row. */
const beyondLeaseMs = 65_000;

/** Faults that end a server process, which is started again. */
const deaths: Readonly<Record<string, Fault>> = {
  async 'kill -9 of a server'(cluster, random) {
    const replica = anyReplica(cluster, random);
    await replica.stop('SIGKILL');
    await delay(random.below(400));
    await replica.start();
  },
  async 'kill -9 of a server that starts'(cluster, random) {
    const replica = anyReplica(cluster, random);
    await replica.stop('SIGKILL');
    await replica.startInVain(random.below(1_500));
    await replica.start();
  },
  async 'restart of a server'(cluster, random) {
    const replica = anyReplica(cluster, random);
    await replica.stop('SIGTERM');
    await replica.start();
  },
};

const deathsOfSeveral: Readonly<Record<string, Fault>> = {
  async 'kill -9 of all servers'(cluster, random) {
    await Promise.all(cluster.replicas.map((replica) => replica.stop('SIGKILL')));
    await delay(random.below(400));
    await Promise.all(cluster.replicas.map((replica) => replica.start()));
  },
};

/** Faults around the servers, which live on. */
const pauses: Readonly<Record<string, Fault>> = {
  async 'pause of a server'(cluster, random) {
    await paused([anyReplica(cluster, random).pid], between(random, 200, 1_500));
  },
};

const longPauses: Readonly<Record<string, Fault>> = {
  async 'pause of a server beyond its leases'(cluster, random) {
    await paused([anyReplica(cluster, random).pid], beyondLeaseMs);
  },
};

const ofDisks: Readonly<Record<string, Fault>> = {
  async 'disk full'({ disk }, random) {
    await disk?.fill(oneOf(random, [0, 0, 20_000]));
    await delay(between(random, 200, 1_000));
    await disk?.free();
  },
};

const ofSqlite: Readonly<Record<string, Fault>> = {
  async 'SQLite locked by another process'(cluster, random) {
    const unlock = await cluster.lockSqlite();
    await delay(between(random, 200, 1_500));
    await unlock();
  },
};

const ofPostgres: Readonly<Record<string, Fault>> = {
  async 'PostgreSQL stopped'({ postgres }, random) {
    await postgres?.stop();
    await delay(between(random, 100, 1_000));
    await postgres?.start();
  },
  async 'kill -9 of a PostgreSQL process'(cluster, random) {
    // PostgreSQL then ends all its connections and recovers from its log.
    const pid = oneOf(random, await backends(cluster));
    if (pid !== undefined) send(pid, 'SIGKILL');
  },
  async 'connections of PostgreSQL cut'(cluster) {
    await ask(
      cluster,
      'select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname is not null',
    );
  },
  async 'pause of PostgreSQL connections'(cluster, random) {
    const pids = await backends(cluster);
    await paused(
      pids.filter(() => random.next() < 0.5),
      between(random, 200, 1_000),
    );
  },
};

/** Faults of clients, jobs and mail, at the same time as the others. */
const aside: Readonly<Record<string, Fault>> = {
  async 'connections of clients cut'({ link }) {
    link.cut();
  },
  async 'pause of jobs and their supervisors'({ data }, random) {
    const [first, ...rest] = (await launchKeys(data)).filter(() => random.next() < 0.4);
    if (first === undefined) return;
    await paused(await processesBelow(first, rest), between(random, 200, 1_500));
  },
  async 'mail server hangs'({ mail }, random) {
    mail.hang();
    await delay(between(random, 500, 3_000));
    mail.recover();
  },
};

const all: Readonly<Record<string, Fault>> = {
  ...deaths,
  ...deathsOfSeveral,
  ...pauses,
  ...longPauses,
  ...ofDisks,
  ...ofSqlite,
  ...ofPostgres,
  ...aside,
};

/** What can go wrong with such a cluster, by lane: first the servers and what they stand on, beside it what is around them. */
export function faultsOf({ database, replicas, diskMegabytes }: ClusterOptions, isLong: boolean): Choice[][] {
  const choices = (faults: Readonly<Record<string, Fault>>, isDeath: boolean): Choice[] =>
    Object.keys(faults).map((fault) => ({ fault, isDeath }));
  return [
    [
      ...choices(deaths, true),
      ...(replicas > 1 ? choices(deathsOfSeveral, true) : []),
      ...choices(pauses, false),
      ...(isLong ? choices(longPauses, false) : []),
      ...(diskMegabytes === undefined ? [] : choices(ofDisks, false)),
      ...choices(database === 'postgres' ? ofPostgres : ofSqlite, false),
    ],
    choices(aside, false),
  ];
}

function anyReplica({ replicas }: Cluster, random: Random): Replica {
  const replica = oneOf(random, replicas);
  if (!replica) throw new Error('There is no server.');
  return replica;
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // Ended meanwhile.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

/** Halts processes for a while; those that end meanwhile are let go. */
async function paused(pids: readonly number[], ms: number): Promise<void> {
  for (const pid of pids) send(pid, 'SIGSTOP');
  try {
    await delay(ms);
  } finally {
    for (const pid of pids) send(pid, 'SIGCONT');
  }
}

async function backends(cluster: Cluster): Promise<number[]> {
  const pids = await ask(
    cluster,
    "select pid from pg_stat_activity where pid <> pg_backend_pid() and backend_type = 'client backend' order by pid",
  );
  return pids.map(Number);
}

/** PostgreSQL may still recover from the fault before. */
async function untilStarted<T>(ask: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await ask();
    } catch (error) {
      const isStarting = error instanceof Error && /starting up|recovery|not yet accepting/.test(error.message);
      if (!isStarting || attempt === 100) throw error;
      await delay(100);
    }
  }
}

/** One column of a query, asked over a connection of its own. */
async function ask({ postgres }: Cluster, sql: string): Promise<string[]> {
  if (!postgres) return [];
  const { stdout } = await untilStarted(() =>
    run('psql', ['-X', '-A', '-t', '-c', sql, String(postgres.options.connection)]),
  );
  return stdout.split('\n').filter((line) => line !== '');
}

/** How far the persons are. */
export interface Progress {
  readonly operations: number;
  readonly isOver: boolean;
}

/** What the faults came to. */
export interface Disturbed {
  /** How often each one was caused. */
  readonly counts: ReadonlyMap<string, number>;
  /** Those that could not be caused as planned. */
  readonly problems: readonly string[];
}

/** Causes the planned faults, each when the persons have come so far; all is well again afterwards. */
export async function disturb(
  cluster: Cluster,
  lanes: readonly (readonly Strike[])[],
  progress: Progress,
): Promise<Disturbed> {
  const counts = new Map<string, number>();
  const problems: string[] = [];
  const follow = async (strikes: readonly Strike[]): Promise<void> => {
    for (const { fault, after, seed } of strikes) {
      while (!progress.isOver && progress.operations < after) await delay(10);
      if (progress.isOver) return;
      try {
        await all[fault]?.(cluster, seededRandom(seed));
        counts.set(fault, (counts.get(fault) ?? 0) + 1);
      } catch (error) {
        problems.push(`${fault}, after ${after} operations: ${error instanceof Error ? error.message : String(error)}`);
        // Without a server nobody would ever come to the next fault.
        await startDead(cluster);
      }
    }
  };
  await Promise.all(lanes.map(follow));
  await startDead(cluster);
  return { counts, problems };
}

async function startDead({ replicas }: Cluster): Promise<void> {
  for (const replica of replicas) if (!replica.isAlive) await replica.start();
}
