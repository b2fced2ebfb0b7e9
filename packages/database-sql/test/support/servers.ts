import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { ServerDatabaseOptions } from '../../src/index.js';
import { connect } from './introspect.js';

/** A private server on a loopback port, with its data in a temporary directory. */
export interface TestServer {
  readonly options: ServerDatabaseOptions;
  /** Makes an empty database of its own on the server, which runs. */
  createDatabase(): Promise<{ readonly options: ServerDatabaseOptions; remove(): Promise<void> }>;
  start(): Promise<void>;
  /** Ends connections at once, keeps the data. */
  stop(): Promise<void>;
  /** Stops the server and removes its data. */
  remove(): Promise<void>;
}

/** What a kind of server needs on this machine, or what is missing. */
export interface ServerKind {
  readonly client: 'pg' | 'mysql2';
  /** Empty when the server is installed, else what is missing and how to install it. */
  readonly missing: string;
  create(): Promise<TestServer>;
}

const run = promisify(execFile);
const START_LIMIT_MS = 30_000;

export const postgres: ServerKind = {
  client: 'pg',
  missing: postgresDirectory()
    ? ''
    : 'PostgreSQL is missing (initdb, postgres); install it: apt-get install postgresql',
  async create() {
    const binaries = postgresDirectory();
    if (!binaries) throw new Error(postgres.missing);
    const place = await prepare('postgres');
    const data = join(place.directory, 'data');
    await run(
      join(binaries, 'initdb'),
      ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8'],
      place.owner,
    );
    const options = ['-D', data, '-k', place.directory, '-p', String(place.port), '-c', 'listen_addresses=127.0.0.1'];
    // The tests end servers and clients, not the machine: nothing has to reach the disk.
    options.push('-c', 'fsync=off', '-c', 'full_page_writes=off');
    return server(place, {
      options: { client: 'pg', connection: `postgres://postgres@127.0.0.1:${place.port}/postgres` },
      launch: () => spawn(join(binaries, 'postgres'), options, { ...place.owner, stdio: 'ignore' }),
      stopSignal: 'SIGINT',
      isUp: () => run(join(binaries, 'pg_isready'), ['-h', '127.0.0.1', '-p', String(place.port)]),
    });
  },
};

export const mariadb: ServerKind = {
  client: 'mysql2',
  missing:
    existsSync('/usr/sbin/mariadbd') && existsSync('/usr/bin/mariadb-install-db')
      ? ''
      : 'MariaDB is missing (mariadbd, mariadb-install-db); install it: apt-get install mariadb-server',
  async create() {
    const place = await prepare('mysql');
    const data = join(place.directory, 'data');
    const socket = join(place.directory, 'socket');
    await run(
      '/usr/bin/mariadb-install-db',
      ['--no-defaults', `--datadir=${data}`, '--auth-root-authentication-method=normal', '--skip-test-db'],
      { ...place.owner, cwd: '/' },
    );
    const options = ['--no-defaults', `--datadir=${data}`, `--socket=${socket}`, `--port=${place.port}`];
    const local = ['--bind-address=127.0.0.1', '--skip-name-resolve', `--pid-file=${join(place.directory, 'pid')}`];
    const unsynced = ['--innodb-flush-log-at-trx-commit=0', '--innodb-doublewrite=0', '--innodb-flush-method=nosync'];
    const created = server(place, {
      options: { client: 'mysql2', connection: `mysql://root@127.0.0.1:${place.port}/user_workspaces` },
      launch: () =>
        spawn('/usr/sbin/mariadbd', [...options, ...local, ...unsynced], { ...place.owner, stdio: 'ignore' }),
      stopSignal: 'SIGTERM',
      isUp: () =>
        run('/usr/bin/mariadb', [
          '--no-defaults',
          '-uroot',
          `-S${socket}`,
          '-e',
          'create database if not exists user_workspaces',
        ]),
    });
    return created;
  },
};

interface Place {
  readonly directory: string;
  readonly port: number;
  /** The user to run as: these servers refuse root. */
  readonly owner: { uid?: number; gid?: number };
}

async function prepare(user: string): Promise<Place> {
  const directory = mkdtempSync(join(tmpdir(), `uws-${user}-`));
  const owner = process.getuid?.() === 0 ? { uid: idOf('-u', user), gid: idOf('-g', user) } : {};
  if (owner.uid !== undefined && owner.gid !== undefined) chownSync(directory, owner.uid, owner.gid);
  return { directory, port: await freePort(), owner };
}

function idOf(option: '-u' | '-g', user: string): number {
  return Number(execFileSync('id', [option, user], { encoding: 'utf8' }));
}

function server(
  place: Place,
  how: {
    options: ServerDatabaseOptions;
    launch: () => ChildProcess;
    stopSignal: NodeJS.Signals;
    isUp: () => Promise<unknown>;
  },
): TestServer {
  let running: ChildProcess | undefined;
  let databases = 0;
  const stop = async (): Promise<void> => {
    if (!running) return;
    const ended = once(running, 'exit');
    running.kill(how.stopSignal);
    await ended;
    running = undefined;
  };
  return {
    options: how.options,
    async createDatabase() {
      databases += 1;
      const name = `uws_${databases}`;
      const administration = connect(how.options);
      await administration.raw(`create database ${name}`);
      // One pool for each replica of each test: together they stay within what the server allows.
      const connection = String(how.options.connection).replace(/\/\w+$/, `/${name}`);
      return {
        options: { ...how.options, connection, poolSize: 8 },
        async remove() {
          await administration.raw(`drop database ${name}`);
          await administration.destroy();
        },
      };
    },
    async start() {
      const child = how.launch();
      running = child;
      for (const deadlineMs = Date.now() + START_LIMIT_MS; ; ) {
        if (child.exitCode !== null) throw new Error(`The server ended at once, with code ${child.exitCode}.`);
        try {
          await how.isUp();
          return;
        } catch (error) {
          if (Date.now() > deadlineMs) throw error;
          await sleep(50);
        }
      }
    },
    stop,
    async remove() {
      await stop();
      rmSync(place.directory, { recursive: true, force: true });
    },
  };
}

function postgresDirectory(): string | undefined {
  const root = '/usr/lib/postgresql';
  const versions = existsSync(root) ? readdirSync(root).sort((a, b) => Number(b) - Number(a)) : [];
  return versions.map((version) => join(root, version, 'bin')).find((bin) => existsSync(join(bin, 'initdb')));
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  if (address === null || typeof address === 'string') throw new Error('No free port.');
  return address.port;
}
