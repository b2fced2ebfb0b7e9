// Every operation of the specification, asked by every kind of caller of a real server.
import { dirname, join } from 'node:path';
import type { Database } from '@user-workspaces/contract';
import { administrationOperations, operations as operationsForAll, schemas } from '@user-workspaces/schema';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { writeTestConfiguration } from '../../support/configuration.js';
import { openDatabase } from '../../support/database.js';
import { putAway } from '../../support/put-away.js';
import { type RunningServer, startServer, temporaryDirectory } from '../../support/server.js';
import { signIn } from '../../support/users.js';
import { visit } from '../../support/visit.js';
import { type CallerKind, type Callers, callerKinds, makeCallers, signedIn, withoutToken } from './callers.js';
import { type Outcome, socketTable, table } from './table.js';
import { makeWorld, privateContent, privateName, snapshotOf, until, type World } from './world.js';

const operations = { ...operationsForAll, ...administrationOperations };

type Operation = keyof typeof operations;

let server: RunningServer;
let database: Database;
let callers: Callers;
let world: World;

beforeAll(async () => {
  const root = await temporaryDirectory();
  server = await startServer({
    dataDirectory: join(root, 'data'),
    env: { UWS_CONFIG: await writeTestConfiguration(root), UWS_STOP_GRACE_SECONDS: '1' },
  });
  database = openDatabase(server.dataDirectory);
  callers = await makeCallers(server, database);
  world = await makeWorld(server, database, callers);
}, 120_000);

afterAll(async () => {
  await database?.close();
  if (callers) expect(await putAway(server, Object.values(callers.users))).toEqual([]);
  else {
    await server?.stop();
    console.warn(`Left behind: ${dirname(server?.dataDirectory ?? '')}`);
  }
}, 120_000);

const isIdle = (outcome: Outcome): boolean => outcome !== '200';

function isOperation(name: string): name is Operation {
  return Object.hasOwn(operations, name);
}

/** The address, method and body of a caller's request. */
function requestOf(id: Operation, caller: CallerKind): { url: string; init: RequestInit } {
  const { path: pattern, method } = operations[id];
  const { path = {}, query, body } = table[id].request(world.targetOf(caller));
  const filled = pattern.replaceAll(/\{(\w+)\}/g, (_, name: string) => String(path[name]));
  const url = `${server.baseUrl}${filled}${query === undefined ? '' : `?${query}`}`;
  const form = new FormData();
  form.set('file', new Blob(['form']), 'form.txt');
  const content = operations[id].body === 'multipart' ? form : body;
  return { url, init: { method, redirect: 'manual', ...(content !== undefined && { body: content }) } };
}

/** Sends it, and tells the outcome in the table's words. */
async function outcomeOf(id: Operation, caller: CallerKind, headers: Record<string, string>): Promise<string> {
  const { url, init } = requestOf(id, caller);
  const abort = new AbortController();
  const answer = await fetch(url, { ...init, headers, signal: abort.signal });
  if (answer.headers.get('content-type')?.startsWith('text/event-stream')) {
    const { value } = (await answer.body?.getReader().read()) ?? {};
    const text = Buffer.from(value ?? []).toString();
    abort.abort();
    return describeAnswer(id, caller, answer.status, text);
  }
  return describeAnswer(id, caller, answer.status, Buffer.from(await answer.arrayBuffer()).toString());
}

function describeAnswer(id: Operation, caller: CallerKind, status: number, text: string): string {
  if (status >= 400) {
    const { error, message } = schemas.answers.getMe.default.parse(JSON.parse(text));
    // A refusal tells nothing of what it refuses.
    for (const secret of [privateContent, privateName]) expect(message).not.toContain(secret);
    return `${status} ${error.code}`;
  }
  if (caller === 'owner') return '200';
  expect([id, caller, text.includes(privateContent)]).toEqual([id, caller, false]);
  const showsName = text.includes(privateName);
  const { outcomes } = table[id];
  if (outcomes[caller] === '200 own') return showsName ? '200 shared' : '200 own';
  return outcomes[caller] === '200 shared' && showsName ? '200 shared' : `${status}`;
}

function headersOf(caller: CallerKind): Record<string, string> {
  const value = callers.headers[caller];
  return value === undefined ? {} : { 'UWS-Authorization': value };
}

test('there is a row for each operation, and for each that is a WebSocket', () => {
  expect(Object.keys(table).sort()).toEqual(Object.keys(operations).sort());
  for (const row of Object.values(table)) expect(Object.keys(row.outcomes).sort()).toEqual([...callerKinds].sort());
});

describe('each operation', () => {
  for (const id of Object.keys(table).filter(isOperation)) {
    const { outcomes } = table[id];

    test(`${id}: refused ones change nothing, and each gets what the table says`, async () => {
      const idle = callerKinds.filter((caller) => caller !== 'owner' && isIdle(outcomes[caller]));
      const before = await snapshotOf(database);
      const found = await Promise.all(
        idle.map(async (caller) => [caller, await outcomeOf(id, caller, headersOf(caller))] as const),
      );
      expect(await snapshotOf(database)).toEqual(before);
      expect(Object.fromEntries(found)).toEqual(Object.fromEntries(idle.map((caller) => [caller, outcomes[caller]])));
      for (const caller of signedIn.filter((kind) => !idle.includes(kind))) {
        expect([caller, await outcomeOf(id, caller, headersOf(caller))]).toEqual([caller, outcomes[caller]]);
      }
    });

    if (operations[id].authentication && operations[id].servedBy === 'handler') {
      test(`${id}: takes the token in Authorization too, and neither cookie nor ticket nor a token in the address`, async () => {
        const { cookie } = await visit(world.sessionUrl);
        const ticket = new URL(world.sessionUrl).searchParams.get('uws_ticket') ?? '';
        const before = await snapshotOf(database);
        const header = callers.headers.stranger ?? '';
        const outcome = outcomes.stranger;
        // Only where it would change nothing.
        if (isIdle(outcome)) expect(await outcomeOf(id, 'stranger', { Authorization: header })).toBe(outcome);
        for (const headers of [
          { Cookie: cookie },
          { Cookie: `uws_session=${callers.users.owner.token}` },
          { Authorization: `Bearer ${ticket}` },
        ]) {
          expect(await outcomeOf(id, 'owner', headers)).toMatch(/^401 /);
        }
        const { url, init } = requestOf(id, 'owner');
        const query = `uws_ticket=${ticket}&token=${callers.users.owner.token}&access_token=${callers.users.owner.token}`;
        const answer = await fetch(`${url}${url.includes('?') ? '&' : '?'}${query}`, init);
        expect([answer.status, schemas.answers.getMe.default.parse(await answer.json()).error.code]).toEqual([
          401,
          'not_authenticated',
        ]);
        expect(await snapshotOf(database)).toEqual(before);
      });
    }
  }
});

/** The status of a WebSocket's handshake. */
async function handshake(url: string, headers: Record<string, string>, protocols: string[] = []): Promise<number> {
  const socket = new WebSocket(url.replace(/^http/, 'ws'), protocols, { headers });
  try {
    return await new Promise<number>((resolve, reject) => {
      socket.once('open', () => resolve(101));
      socket.once('unexpected-response', (_, answer) => resolve(answer.statusCode ?? 0));
      socket.once('error', reject);
    });
  } finally {
    socket.on('error', () => undefined);
    socket.terminate();
  }
}

describe('WebSockets', () => {
  let jobId: number;
  let sessionUrl: string;

  beforeAll(async () => {
    // The job of the table was stopped by it.
    const { workspaceId } = world.targetOf('owner');
    const job = await callers.users.owner.client.workspaces.start(workspaceId, { job_type: 'web_app' });
    const session = await callers.users.owner.client.jobs.waitUntilReady(job.id, { timeoutMs: 60_000 });
    jobId = job.id;
    sessionUrl = session.url;
  }, 90_000);

  const addressOf = (name: 'getJob' | 'openSession', caller: CallerKind): string => {
    const id = caller === 'sender' ? world.targetOf('sender').jobId : jobId;
    return `${server.baseUrl}${name === 'getJob' ? `/jobs/${id}/` : `/passthrough/127.0.0.1/${id}/`}`;
  };

  test.each([
    'getJob',
    'openSession',
  ] as const)('of %s: each caller gets what the table says, by header and by subprotocol', async (name) => {
    for (const caller of callerKinds) {
      const url = addressOf(name, caller);
      const expected = [caller, socketTable[caller]];
      expect([caller, await handshake(url, headersOf(caller))]).toEqual(expected);
      const token = callers.headers[caller]?.replace('Token ', '');
      if (token === undefined || caller === 'malformed') continue;
      expect([caller, await handshake(url, {}, ['uws', `uws.token.${token}`])]).toEqual(expected);
    }
  });

  test('a ticket or cookie opens its own session only', async () => {
    const address = new URL(sessionUrl);
    const ticket = address.searchParams.get('uws_ticket') ?? '';
    const { cookie, response } = await visit(sessionUrl);
    expect([response.status, cookie]).toEqual([200, expect.stringContaining('uws_session=')]);
    const others = new URL(world.strangersSessionUrl);
    const base = others.origin + others.pathname;
    expect((await fetch(`${base}?uws_ticket=${ticket}`, { redirect: 'manual' })).status).toBe(401);
    expect((await fetch(base, { headers: { Cookie: cookie }, redirect: 'manual' })).status).toBe(401);
    expect(await handshake(base, { Cookie: cookie })).toBe(401);
    expect(await handshake(address.origin + address.pathname, { Cookie: cookie })).toBe(101);
    expect(await handshake(address.origin + address.pathname, { Cookie: cookie, Origin: 'https://evil.example' })).toBe(
      403,
    );
  });

  test('what a revoked token has opened ends at once', async () => {
    const { client } = callers.users.owner;
    const second = await signIn(server, 'owner');
    const abort = new AbortController();
    const stream = await fetch(`${server.baseUrl}/events/`, {
      headers: { 'UWS-Authorization': `Token ${second.token}` },
      signal: abort.signal,
    });
    const reader = stream.body?.getReader();
    await reader?.read();
    const socket = new WebSocket(`${server.baseUrl.replace('http', 'ws')}/jobs/${jobId}/`, [
      'uws',
      `uws.token.${second.token}`,
    ]);
    await new Promise((resolve) => socket.once('message', resolve));
    let isEnded = false;
    const ended = (async () => {
      while (!(await reader?.read())?.done);
      isEnded = true;
    })().catch(() => {
      isEnded = true;
    });
    const revoked = (await second.client.tokens.list()).find((token) => token.is_current);
    await client.tokens.revoke(revoked?.id ?? 0);
    await until(async () => isEnded && socket.readyState === WebSocket.CLOSED);
    await ended;
    expect((await second.request('/me/')).status).toBe(401);
  });
});

test('those without a good token are all kinds that are not signed in', () => {
  expect([...withoutToken, ...signedIn].sort()).toEqual([...callerKinds].sort());
});
