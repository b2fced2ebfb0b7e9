import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Database } from '@user-workspaces/contract';
import { createSqlDatabase } from '@user-workspaces/database-sql';
import { postgres } from '../../../packages/database-sql/test/support/servers.js';
import { mixed, seededRandom } from '../../simulation/random.js';
import { type BreakingLink, type Fuse, openBreakingLink } from '../../support/breaking-link.js';
import {
  freePort,
  type RunningServer,
  removeDirectory,
  startServer,
  temporaryDirectory,
} from '../../support/server.js';
import { endLeftProcesses, type Place } from '../invariants.js';
import { between } from './chance.js';
import { type MailServer, openMailServer } from './mail-server.js';
import { mountSmallDisk, type SmallDisk } from './small-disk.js';

const configuration = fileURLToPath(new URL('configuration.mjs', import.meta.url));
const lockHolder = fileURLToPath(new URL('hold-lock.mjs', import.meta.url));

type PostgresServer = Awaited<ReturnType<typeof postgres.create>>;

/** One server process of `uws serve`, which may die and be started again. */
export class Replica {
  /** What it printed before it died. */
  readonly pastOutput: string[] = [];
  readonly port: number;
  readonly #start: (killed?: AbortSignal) => Promise<RunningServer>;
  #server: RunningServer | undefined;

  constructor(port: number, start: (killed?: AbortSignal) => Promise<RunningServer>) {
    this.port = port;
    this.#start = start;
  }

  get server(): RunningServer {
    if (!this.#server) throw new Error('The replica was not started.');
    return this.#server;
  }

  get pid(): number {
    const { pid } = this.server.process;
    if (pid === undefined) throw new Error('The replica has no process.');
    return pid;
  }

  get isAlive(): boolean {
    const child = this.#server?.process;
    return child !== undefined && child.exitCode === null && child.signalCode === null;
  }

  async start(): Promise<void> {
    this.#server = await this.#start();
  }

  /** Begins to start it, and kills it after so long, ready or not. */
  async startInVain(ms: number): Promise<void> {
    const server = await this.#start(AbortSignal.timeout(ms)).catch(() => undefined);
    if (server) await server.stop('SIGKILL');
  }

  async stop(signal: NodeJS.Signals): Promise<void> {
    await this.server.stop(signal);
    this.pastOutput.push(this.server.output());
  }
}

/** What the servers run on. */
export interface ClusterOptions {
  readonly database: 'sqlite' | 'postgres';
  readonly replicas: number;
  /** Everything of the servers on a file system of so many megabytes. */
  readonly diskMegabytes?: number;
  /** Says which of the connections of clients break by themselves. */
  readonly seed: number;
}

/** Servers as processes, with their database, their disk, their mail server, and the link through which clients reach them. */
export class Cluster implements Place {
  private constructor(
    readonly root: string,
    readonly data: string,
    readonly starts: string,
    readonly replicas: readonly Replica[],
    readonly link: BreakingLink,
    readonly mail: MailServer,
    readonly database: Database,
    readonly disk: SmallDisk | undefined,
    readonly postgres: PostgresServer | undefined,
    private readonly sqliteFile: string,
  ) {}

  static async open({ database, replicas: count, diskMegabytes, seed }: ClusterOptions): Promise<Cluster> {
    const root = await temporaryDirectory();
    const data = join(root, 'data');
    const starts = join(root, 'starts');
    const disk = diskMegabytes === undefined ? undefined : await mountSmallDisk(data, diskMegabytes);
    await mkdir(join(data, 'workspaces'), { recursive: true });
    await mkdir(starts);
    await chmod(data, 0o755);
    await chmod(starts, 0o1777);
    const server = database === 'postgres' ? await postgres.create() : undefined;
    await server?.start();
    const mail = await openMailServer();
    const sqliteFile = join(data, 'server-0', 'server', 'user-workspaces.db');
    const env = {
      UWS_CONFIG: configuration,
      UWS_SMTP_URL: mail.url,
      UWS_MAIL_FROM: 'workspaces@example.org',
      UWS_LOG_LEVEL: 'info',
      STORM_SHARED: data,
      STORM_STARTS: starts,
      ...(server && { UWS_DATABASE_URL: String(server.options.connection) }),
    };
    const ports = await Promise.all(Array.from({ length: count }, freePort));
    const replicas = ports.map((port, index) => {
      const dataDirectory = join(data, `server-${index}`);
      return new Replica(port, (killed) => startServer({ port, dataDirectory, env, ...(killed && { killed }) }));
    });
    let turn = 0;
    const target = (): number => {
      turn += 1;
      const alive = replicas.filter((replica) => replica.isAlive);
      const [first] = replicas;
      return (alive[turn % alive.length] ?? first)?.port ?? 0;
    };
    let connection = 0;
    const fuse = (): Fuse | undefined => {
      const random = seededRandom(mixed(seed, connection++));
      if (random.next() >= 0.04) return undefined;
      return { direction: random.next() < 0.5 ? 'request' : 'answer', bytes: between(random, 200, 60_000) };
    };
    const link = await openBreakingLink(target, { fuse });
    const rows = createSqlDatabase(server ? server.options : { client: 'sqlite', file: sqliteFile });
    return new Cluster(root, data, starts, replicas, link, mail, rows, disk, server, sqliteFile);
  }

  /** Starts the servers. Also when one does not start {@link remove} is the caller's. */
  async start(): Promise<void> {
    await Promise.all(this.replicas.map((replica) => replica.start()));
  }

  get postgresPort(): number | undefined {
    return this.postgres && Number(new URL(String(this.postgres.options.connection)).port);
  }

  /** Holds the write lock of the SQLite file from another process; the returned function ends that. */
  async lockSqlite(): Promise<() => Promise<void>> {
    const child = spawn(process.execPath, [lockHolder, this.sqliteFile], { stdio: ['pipe', 'pipe', 'inherit'] });
    const exited = once(child, 'exit');
    await Promise.race([once(child.stdout, 'data'), exited]);
    return async () => {
      child.stdin.end();
      await exited;
    };
  }

  /** Ends everything and removes it, after success and failure alike. */
  async remove(): Promise<void> {
    this.link.close();
    for (const replica of this.replicas) if (replica.isAlive) await replica.stop('SIGKILL');
    await this.disk?.free();
    await this.mail.close();
    await this.database.close();
    await endLeftProcesses(this);
    await this.postgres?.remove();
    await this.disk?.remove();
    await removeDirectory(this.root);
  }

  /** The last lines of the servers' logs that tell of errors. */
  complaints(): string {
    const lines = this.replicas.flatMap((replica) =>
      [...replica.pastOutput, replica.server.output()].flatMap((output) =>
        output.split('\n').filter((line) => /"level":[56]0/.test(line) || /^(Error|\s+at )/.test(line)),
      ),
    );
    return lines
      .slice(-30)
      .map((line) => line.slice(0, 300))
      .join('\n');
  }
}
