import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gunzipSync, inflateRawSync } from 'node:zlib';
import type { Database, WorkspaceRow } from '@user-workspaces/contract';
import { expect } from 'vitest';
import { writeTestConfiguration } from '../../support/configuration.js';
import { openDatabase } from '../../support/database.js';
import { putAway } from '../../support/put-away.js';
import { pathOf } from '../../support/requirements.js';
import { type RunningServer, startServer, temporaryDirectory } from '../../support/server.js';
import { signIn, type User } from '../../support/users.js';
import { makeOutside, type Outside, photographOf } from './outside.js';

const isRoot = process.getuid?.() === 0;
/** An account without a name and without rights. */
const plainUid = 61_234;
const here = dirname(fileURLToPath(import.meta.url));
const uws = join(here, '../../../packages/cli/bin/uws.mjs');

/** Who the server runs as: root, with an account for each user, or a plain user, whose account all share. */
export type ServerAccount = 'root' | 'a plain user';

/** Both where the tests run as root; elsewhere what there is. */
export const serverAccounts: readonly ServerAccount[] = isRoot ? ['root', 'a plain user'] : ['a plain user'];

if (!isRoot) {
  if (process.env.CI) throw new Error('Attacks on a server that is root need tests that run as root.');
  console.warn('NOT RUN: attacks on files with a server as root: run the tests as root.');
}

const isLong = process.env.UWS_LONG === '1';

/** Of a race with all its rounds; many thousands of requests beside a program that never rests take long. */
export const raceTimeoutMs = isLong ? 7_200_000 : 600_000;

/** Times each race is run; many more with `UWS_LONG=1`. */
export const rounds = isLong ? 1500 : 8;

/** The ways in which a name is tried: all of them with `UWS_LONG=1`, otherwise every third, in turn, so that each way meets many names. */
export function waysFor<T>(index: number, ways: readonly T[]): readonly T[] {
  return isLong ? ways : ways.filter((_, way) => (way + index) % 3 === 0);
}

/** Of the moments at which a program of the user's exchanges names; what the server does meanwhile depends on the machine. */
export const seed = Number(process.env.UWS_SEED ?? 20_261_125);

/** Milliseconds for the start and the end of a siege, which is a whole server's, also on a busy machine. */
export const hookTimeout = 180_000;

/** Status of an answer that the server cut off after its head, because what it was about is gone. */
export const brokenOff = 499;

/** A workspace with its place on the disk. */
export interface Target {
  readonly id: number;
  readonly location: string;
  /** Who owns what is in it. */
  readonly uid: number;
  readonly gid: number;
  at(path: string): string;
}

/** A running server, its users, and what must stay as it is. */
export interface Siege {
  readonly server: RunningServer;
  readonly outside: Outside;
  readonly dataSets: string;
  readonly ada: User;
  readonly ben: User;
  /** A workspace of ada's with `d/f` and `d/s/f`. */
  workspace(user?: User): Promise<Target>;
  target(id: number): Promise<Target>;
  /** The row of a workspace, `undefined` when it is gone. */
  row(id: number): Promise<WorkspaceRow | undefined>;
  /** Runs a program of the workspace's owner (attacker.py) during the work, and gives what the work gave. */
  during<T>(target: Target, task: readonly string[], work: () => Promise<T>): Promise<T>;
  /** Sends a request as ada, and checks that the answer holds nothing from outside and is no failure of the server's; see {@link brokenOff}. */
  send(path: string, init?: RequestInit): Promise<{ status: number; bytes: Buffer; text: string; headers: Headers }>;
  /** Offers a copy of a workspace of ada's, and gives the copy once its files are there. */
  copyFor(receiver: User, target: Target): Promise<Target>;
  /** Nothing outside was touched, and nothing of it is in the log. */
  expectUntouched(): Promise<void>;
  end(): Promise<void>;
}

/** Starts a server under an account and sets out what must not be touched. */
export async function lay(account: ServerAccount): Promise<Siege> {
  const root = await temporaryDirectory();
  const dataSets = join(root, 'data-sets');
  const dataDirectory = join(root, 'data');
  await mkdir(dataSets);
  const becomesPlain = account === 'a plain user' && isRoot;
  const owner = becomesPlain ? plainUid : (process.getuid?.() ?? 0);
  const outside = await makeOutside(join(root, 'outside'), owner);
  if (becomesPlain) {
    await mkdir(dataDirectory);
    await chown(dataDirectory, plainUid, plainUid);
  }
  const server = await startServer({
    dataDirectory,
    env: {
      HOME: dataDirectory,
      UWS_CONFIG: await writeTestConfiguration(root),
      UWS_ALLOWED_LINK_ROOTS: dataSets,
      UWS_LOG_LEVEL: 'trace',
      UWS_STOP_GRACE_SECONDS: '1',
      UWS_LIMIT_JSON_BYTES: String(1024 * 1024),
      // Each attack on a copy makes another one for the same user.
      UWS_LIMIT_OPEN_SHARES: '100000',
      UWS_LIMIT_OPEN_SHARES_TO_ONE: '100000',
    },
    ...(becomesPlain && {
      command: [fileURLToPath(new URL('./plain-user.mjs', import.meta.url)), String(plainUid), uws, 'serve'],
    }),
  });
  const database: Database = openDatabase(server.dataDirectory);
  const [ada, ben] = [await signIn(server, 'ada'), await signIn(server, 'ben')];
  const row = (id: number): Promise<WorkspaceRow | undefined> => database.findOne('workspaces', { id });
  // What belongs to another user, and to the server, is outside as well.
  const bens = await ben.client.workspaces.create({
    name: "ben's",
    description: '',
    workspace_details: { files: [{ name: 'f', content: outside.canary }] },
  });
  const bensLocation = (await row(bens.id))?.location ?? '';
  const photograph = async (): Promise<string[]> => [
    ...(await outside.photograph()),
    ...(await photographOf(bensLocation)),
  ];
  const before = await photograph();

  const target = async (id: number): Promise<Target> => {
    const location = (await row(id))?.location;
    if (location === undefined) throw new Error(`There is no workspace ${id}.`);
    const { uid, gid } = await stat(location);
    return { id, location, uid, gid, at: (path) => join(location, path) };
  };
  const send: Siege['send'] = async (path, init) => {
    const response = await ada.request(path, init);
    const whole = await response.arrayBuffer().catch(() => undefined);
    if (!whole) return { status: brokenOff, bytes: Buffer.alloc(0), text: '', headers: response.headers };
    if (response.status === 429) throw new Error(`${path}: refused for the number of requests, which proves nothing.`);
    const bytes = Buffer.from(whole);
    const text = bytes.toString('latin1');
    expect(text + JSON.stringify([...response.headers])).not.toContain(outside.canary);
    if (response.status >= 500) throw new Error(`${init?.method ?? 'GET'} ${path}: ${response.status} ${text}`);
    return { status: response.status, bytes, text, headers: response.headers };
  };
  return {
    server,
    outside,
    dataSets,
    ada,
    ben,
    target,
    row,
    send,
    async workspace(user = ada) {
      const { id } = await user.client.workspaces.create({
        name: 'w',
        description: '',
        workspace_details: {
          files: ['d/f', 'd/s/f', 'd/s/t/f'].map((name) => ({ name, content: `mine, ${name}` })),
        },
      });
      return target(id);
    },
    async during({ uid, gid }, task, work) {
      const child = spawn(
        pathOf('python3'),
        [join(here, 'attacker.py'), String(uid), String(gid), String(seed), ...task],
        {
          stdio: ['ignore', 'pipe', 'inherit'],
        },
      );
      const [said] = await Promise.race([once(child.stdout, 'data'), once(child, 'exit')]);
      try {
        expect(String(said)).toMatch(/^on/);
        return await work();
      } finally {
        await ended(child);
      }
    },
    async copyFor(receiver, { id }) {
      const { id: receiverId } = await receiver.client.me();
      const request = { original_workspace_id: id, shared_user_ids: [receiverId] };
      const [share] = await ada.client.shares.create(request);
      const copyId = share?.shared_workspace_id.id ?? 0;
      for (let waited = 0; waited < 1_500; waited += 1) {
        const copy = await row(copyId);
        if (copy?.status === 'idle') return target(copyId);
        await delay(20);
      }
      throw new Error(`The copy ${copyId} was not made: ${JSON.stringify(await row(copyId))}`);
    },
    async expectUntouched() {
      expect(await photograph()).toEqual(before);
      expect(server.output()).not.toContain(outside.canary);
    },
    async end() {
      await database.close();
      expect(await putAway(server, [ada, ben])).toEqual([]);
    },
  };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}

/** A request with a JSON body. */
export function json(method: string, body: unknown): RequestInit {
  return {
    method,
    headers: { 'Content-Type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  };
}

/** Whether a directory's tree has the word anywhere, in names or files, whatever bytes its names are. */
export async function holds(directory: string, word: string): Promise<boolean> {
  const names = await promisify(execFile)('find', [directory], { encoding: 'latin1', maxBuffer: 1 << 24 });
  if (names.stdout.includes(word)) return true;
  // It exits with 1 where there is nothing to be found.
  const searching = promisify(execFile)('grep', ['-rqaF', '--devices=skip', '-e', word, directory]);
  return searching.then(
    () => true,
    (error: { readonly code?: number }) => {
      if (error.code === 1) return false;
      throw error;
    },
  );
}

/** The names in a zip file by its local headers, or all the text of a gzipped tar: enough to look for a word. */
export function textOfArchive(bytes: Buffer): string {
  if (bytes[0] === 0x1f) return gunzipSync(bytes, { finishFlush: 2 }).toString('latin1');
  const parts: string[] = [];
  for (let at = bytes.indexOf('PK\x03\x04', 0, 'latin1'); at >= 0; at = bytes.indexOf('PK\x03\x04', at + 4, 'latin1')) {
    const [nameLength, extraLength] = [bytes.readUInt16LE(at + 26), bytes.readUInt16LE(at + 28)];
    const content = at + 30 + nameLength + extraLength;
    parts.push(bytes.toString('latin1', at + 30, content));
    if (bytes.readUInt16LE(at + 8) !== 8) continue;
    try {
      parts.push(inflateRawSync(bytes.subarray(content), { finishFlush: 2 }).toString('latin1'));
    } catch {
      // What only looked like a header.
    }
  }
  return parts.join('\n') + bytes.toString('latin1');
}
