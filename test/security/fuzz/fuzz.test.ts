// Requests made from the specification, valid, almost valid and wild, from several users at once, against a real server.
//   UWS_SEED=<number>           the same requests again
//   UWS_LONG=1                  many more, from a new seed
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Database } from '@user-workspaces/contract';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { writeTestConfiguration } from '../../support/configuration.js';
import { openDatabase } from '../../support/database.js';
import { putAway } from '../../support/put-away.js';
import { type RunningServer, startServer, temporaryDirectory } from '../../support/server.js';
import { signIn, type User } from '../../support/users.js';
import { operationIds } from './description.js';
import { insides } from './judge.js';
import { openMailServer } from './mail-server.js';
import { Secrets } from './secrets.js';
import { administrator, type Run, Sender } from './sender.js';
import { makeDatasets, makeWorld, type World } from './world.js';

const isLong = process.env.UWS_LONG === '1';
const seed = Number(process.env.UWS_SEED ?? (isLong ? Date.now() % 1_000_000 : 4));
const requestCount = isLong ? 100_000 : 5_000;
const names = ['ada', 'bob', 'eve', administrator];
const sendersPerUser = 2;

const mailPassword = `mail-password-${randomBytes(12).toString('hex')}`;

let server: RunningServer;
let database: Database;
let mail: { readonly url: string; close(): Promise<void> };
let users: User[];
let world: World;
let secrets: Secrets;
let logFile: string;

beforeAll(async () => {
  const root = await temporaryDirectory();
  logFile = join(root, 'server.log');
  mail = await openMailServer(mailPassword);
  const datasets = await makeDatasets(root);
  server = await startServer({
    dataDirectory: join(root, 'data'),
    env: {
      UWS_CONFIG: await writeTestConfiguration(root),
      UWS_STOP_GRACE_SECONDS: '1',
      UWS_LOG_LEVEL: 'trace',
      UWS_LOG_FILE: logFile,
      UWS_ALLOWED_LINK_ROOTS: datasets,
      UWS_SMTP_URL: mail.url,
      UWS_MAIL_FROM: 'workspaces@example.org',
      UWS_QUOTA_ACTIVE_JOBS: '3',
      UWS_LIMIT_REQUESTS_PER_MINUTE: '1000000',
      UWS_LIMIT_FAILED_SIGN_INS_PER_MINUTE: '1000000',
    },
  });
  database = openDatabase(server.dataDirectory);
  secrets = new Secrets([mailPassword, server.clientToken], [server.dataDirectory, process.cwd()]);
  users = await Promise.all(names.map((name) => signIn(server, name)));
  await database.transaction((rows) => rows.update('users', { username: administrator }, { role: 'administrator' }));
  world = await makeWorld(server, users, datasets, database);
}, 120_000);

afterAll(async () => {
  if (server) {
    // Their tokens may have been revoked, and they deactivated, by what was sent.
    await database?.transaction((rows) => rows.update('users', { is_active: false }, { is_active: true }));
    const again = await Promise.all((users ?? []).map(({ username }) => signIn(server, username)));
    await database?.close();
    expect(await putAway(server, again)).toEqual([]);
  }
  await mail?.close();
}, 120_000);

test(
  `${requestCount} requests from seed ${seed}: no failure of the server, no hang, nothing outside the specification, no secret told`,
  async () => {
    console.log(`Requests made from the specification: seed ${seed}; again with UWS_SEED=${seed}.`);
    const shared = { server, database, world, secrets, seed };
    const run: Run = { ...shared, faults: [], statuses: new Map(), succeeded: new Set() };
    for (const { token } of users) secrets.add(token);
    await secrets.addThoseOf(database);
    const senders = Array.from({ length: sendersPerUser }, () => users.map((user) => new Sender(run, user))).flat();
    const work = senders.map(async (sender, index) => {
      for (let number = index; number < requestCount; number += senders.length) {
        if (number % 500 === 0) await secrets.addThoseOf(database);
        await sender.send(number);
      }
    });
    await Promise.all(work);
    const table = [...run.statuses].sort(([a], [b]) => a - b).map(([status, count]) => `${status}: ${count}`);
    const missing = operationIds.filter((id) => !run.succeeded.has(id));
    console.log(`Statuses: ${table.join(', ')}. Never succeeded: ${missing.join(', ') || 'none'}.`);
    expect(run.faults.slice(0, 20)).toEqual([]);
    // Requests that are refused at the door would show nothing.
    expect(missing.length, missing.join(', ')).toBeLessThanOrEqual(2);
    expect((await fetch(`${server.baseUrl}/readyz`)).status).toBe(200);
  },
  isLong ? 3_600_000 : 600_000,
);

test('no secret of the run is in the log, no stack trace, and no failure', async () => {
  await secrets.addThoseOf(database);
  const log = (await readFile(logFile, 'utf8')) + server.output();
  const lines = log.split('\n');
  expect(lines.length).toBeGreaterThan(requestCount / 2);
  expect(secrets.size).toBeGreaterThan(20);
  expect(lines.filter((line) => secrets.toldBy(line) !== undefined).slice(0, 5)).toEqual([]);
  expect(lines.filter((line) => insides.some((inside) => inside.test(line))).slice(0, 5)).toEqual([]);
  expect(lines.filter((line) => /"level":[56]0/.test(line)).slice(0, 5)).toEqual([]);
});
