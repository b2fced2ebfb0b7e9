// Replays the recorded answers of the old service, as data/README.md says.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningServer, removeDirectory, startServer, temporaryDirectory } from '../support/server.js';
import { compare, type Json } from './compare.js';
import { differences } from './differences.js';

interface Trace {
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly request_headers: Readonly<Record<string, string>>;
  readonly request_body: unknown;
  readonly status: number;
  readonly response_headers: Readonly<Record<string, string>>;
  readonly response_body: Json;
}

const data = fileURLToPath(new URL('data/', import.meta.url));
const lines = (await readFile(join(data, 'traces.jsonl'), 'utf8')).trim().split('\n');
const traces: Trace[] = lines.map((line) => JSON.parse(line));

/** What the recorded server called something, and what this one calls it. */
class Names {
  readonly tokens = new Map<string, string>();
  readonly workspaces = new Map<number, number>();
  readonly jobs = new Map<number, number>();
  readonly users = new Map<number, number>();

  path(path: string): string {
    return path.replace(/^\/(workspaces|jobs|shared_workspaces)\/(\d+)/, (_, kind: string, id: string) => {
      const map = kind === 'jobs' ? this.jobs : this.workspaces;
      return `/${kind}/${map.get(Number(id)) ?? id}`;
    });
  }

  header(value: string): string {
    return value.replace(/[0-9a-f]{40}/, (token) => this.tokens.get(token) ?? token);
  }
}

let root: string;
let server: RunningServer;
const names = new Names();

beforeAll(async () => {
  root = await temporaryDirectory();
  const outside = join(root, 'escape');
  await mkdir(join(outside, 'dir'), { recursive: true });
  await writeFile(join(outside, 'owned.txt'), 'owned');
  const recorded = await readFile(join(data, 'recorded-config.json'), 'utf8');
  const configuration = join(root, 'config.json');
  const parsed = JSON.parse(recorded.replaceAll('@ROOT@', join(root, 'workspaces')));
  parsed.available_job_types.broken_job = {
    name: 'Broken Job',
    job_type: 'LocalTestJob',
    environment_details: { main_resource: {} },
  };
  await writeFile(configuration, JSON.stringify(parsed));
  await mkdir(join(root, 'workspaces'), { recursive: true });
  server = await startServer({
    dataDirectory: join(root, 'data'),
    env: {
      UWS_CONFIG: configuration,
      UWS_ALLOWED_LINK_ROOTS: outside,
      // The recorded machine had accounts of its users' names; this one need not.
      ...(process.getuid?.() === 0 ? { UWS_ACCOUNTS: 'reserved' } : { UWS_ALLOW_SHARED_ACCOUNT: 'true' }),
    },
  });
});

afterAll(async () => {
  await server?.stop();
  await removeDirectory(root);
});

/** The recorded request, in this server's names. */
function requestOf(trace: Trace): RequestInit {
  const headers = Object.fromEntries(
    Object.entries(trace.request_headers).map(([name, value]) => [name, names.header(value)]),
  );
  const { request_body: body } = trace;
  if (body === null || body === undefined) return { method: trace.method, headers };
  if (typeof body === 'string') {
    // A long body was recorded shortened: `zzz...<6000116 bytes>`.
    const shortened = /^([\s\S]*?\r\n\r\n)(.)\2+\.\.\.<(\d+) bytes>$/.exec(body);
    const end = '\r\n--XBOUNDX--\r\n';
    const text = shortened
      ? `${shortened[1]}${(shortened[2] ?? 'z').repeat(Number(shortened[3]) - (shortened[1]?.length ?? 0) - end.length)}${end}`
      : body;
    return { method: trace.method, headers, body: text };
  }
  const text = JSON.stringify(body)
    .replaceAll('/srv/seed/escape', join(root, 'escape'))
    .replace(
      /"client_token":"([0-9a-f]{40})"/,
      (_, token: string) => `"client_token":"${names.tokens.get(token) ?? token}"`,
    );
  const mapped = JSON.parse(text);
  if (typeof mapped === 'object' && 'original_workspace_id' in mapped) {
    mapped.original_workspace_id = names.workspaces.get(mapped.original_workspace_id) ?? mapped.original_workspace_id;
    if (Array.isArray(mapped.shared_user_ids)) {
      mapped.shared_user_ids = mapped.shared_user_ids.map((id: number) => names.users.get(id) ?? id);
    }
  }
  return { method: trace.method, headers, body: JSON.stringify(mapped) };
}

/** Learns this server's names from an answer to the same request. */
function learn(recorded: Json, actual: Json): void {
  const pairs: [Map<number, number>, string[]][] = [
    [names.workspaces, ['data', 'workspace', 'id']],
    [names.jobs, ['data', 'job', 'id']],
  ];
  const at = (value: unknown, path: readonly string[]): unknown =>
    path.reduce<unknown>((node, key) => (node && typeof node === 'object' ? Reflect.get(node, key) : undefined), value);
  for (const [map, path] of pairs) {
    const [from, to] = [at(recorded, path), at(actual, path)];
    if (typeof from === 'number' && typeof to === 'number') map.set(from, to);
  }
  const token = [at(recorded, ['token']), at(actual, ['token'])];
  if (typeof token[0] === 'string' && typeof token[1] === 'string') names.tokens.set(token[0], token[1]);
  const shares = [at(recorded, ['data', 'shared_workspaces']), at(actual, ['data', 'shared_workspaces'])];
  if (Array.isArray(shares[0]) && Array.isArray(shares[1])) {
    for (const share of shares[0]) {
      const email = at(share, ['shared_workspace_id', 'user_id', 'email']);
      const twin = shares[1].find((other) => at(other, ['shared_workspace_id', 'user_id', 'email']) === email);
      const [from, to] = [at(share, ['shared_workspace_id', 'id']), at(twin, ['shared_workspace_id', 'id'])];
      if (typeof from === 'number' && typeof to === 'number' && !names.workspaces.has(from))
        names.workspaces.set(from, to);
    }
  }
}

async function send(trace: Trace): Promise<{ status: number; body: Json; headers: Headers }> {
  const response = await fetch(server.baseUrl + names.path(trace.path), { redirect: 'manual', ...requestOf(trace) });
  const text = await response.text();
  const body: Json = response.headers.get('content-type')?.includes('json') ? JSON.parse(text) : text;
  return { status: response.status, body, headers: response.headers };
}

/** Ids of users, which the recorded service gave in another order; asked once both are known. */
async function learnUsers(): Promise<void> {
  const [, token] = [...names.tokens][0] ?? [];
  if (!token) return;
  for (const [recordedId, search] of [
    [4, 'bob@x.org'],
    [5, 'carol@x.org'],
  ] as const) {
    const response = await fetch(`${server.baseUrl}/users/?search=${search}`, {
      headers: { 'UWS-Authorization': `Token ${token}` },
    });
    const body: { data?: { users?: { id: number }[] } } = await response.json();
    const id = body.data?.users?.[0]?.id;
    if (id !== undefined) names.users.set(recordedId, id);
  }
}

/** Requests that were made in between and not recorded, as far as later answers show them, by the trace that they come before. */
const unrecorded: Readonly<Record<string, () => Promise<void>>> = {
  start_no_job_type: () => put('/workspaces/1/', { 'Content-Type': 'application/json' }, '{"default_job_type": null}'),
  ws_get_active: async () => {
    for (const name of ['evil.txt', 'same2.txt']) {
      const part = `Content-Disposition: form-data; name="f"; filename="${name}"\r\n\r\n1`;
      const type = { 'Content-Type': 'multipart/form-data; boundary=B' };
      await put('/workspaces/1/upload/', type, `--B\r\n${part}\r\n--B--\r\n`);
    }
  },
};

async function put(path: string, headers: Record<string, string>, body: string): Promise<void> {
  const [token = ''] = names.tokens.values();
  const response = await fetch(server.baseUrl + names.path(path), {
    method: 'PUT',
    headers: { ...headers, 'UWS-Authorization': `Token ${token}` },
    body,
  });
  expect(response.status).toBe(200);
}

describe('the recorded answers', () => {
  test('all of them are here, and every listed difference is of one of them', () => {
    expect(traces).toHaveLength(118);
    const known = new Set(traces.map((trace) => trace.name));
    expect(Object.keys(differences).filter((name) => !known.has(name))).toEqual([]);
  });

  for (const trace of traces) {
    test(`${trace.name}: ${trace.method} ${trace.path}`, async () => {
      if (trace.name === 'users_search_email') await learnUsers();
      await unrecorded[trace.name]?.();
      const difference = differences[trace.name];
      const expected = { status: difference?.status ?? trace.status, body: difference?.body ?? trace.response_body };
      const deadline = Date.now() + 20_000;
      let problems: string[];
      do {
        const actual = await send(trace);
        learn(trace.response_body, actual.body);
        problems = [
          ...(actual.status === expected.status ? [] : [`status ${actual.status} instead of ${expected.status}`]),
          ...compare(expected.body, actual.body, { '/srv/seed/escape': join(root, 'escape') }),
        ];
        // A GET may be asked again until it has settled: file lists, job states.
        if (problems.length === 0 || trace.method !== 'GET') break;
        await delay(200);
      } while (Date.now() < deadline);
      expect(problems).toEqual([]);
    });
  }
});
