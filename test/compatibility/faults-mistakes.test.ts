// A fault of the old service that is absent (api.md, "Where the old service is wrong, and the new one must not follow"):
//
//   37 kinds of client mistake (wrong types in a body, a name over 64 characters, `?workspace_id=abc`, `?is_accepted=true`, unknown paths, bad
//   methods) get an HTML 500 or 404. New: a 4xx in the JSON envelope, with an error code and the offending field.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { putAway } from '../support/put-away.js';
import { type RunningServer, startServer } from '../support/server.js';
import { signIn, type User } from '../support/users.js';
import { type Mistake, mistakes } from './mistakes.js';

let server: RunningServer;
let ada: User;
let ben: User;
const ids = { workspace: 0, other: 0 };

beforeAll(async () => {
  server = await startServer();
  ada = await signIn(server, 'ada');
  ben = await signIn(server, 'ben');
  ids.workspace = (await ada.client.workspaces.create({ name: 'own', description: '' })).id;
  ids.other = (await ben.client.workspaces.create({ name: 'not hers', description: '' })).id;
});

afterAll(async () => {
  expect(await putAway(server, [ada, ben])).toEqual([]);
});

function send({ method, path, body, headers }: Mistake): Promise<Response> {
  const text = typeof body === 'string' || body === undefined ? body : JSON.stringify(body);
  const url = path.replace(/\{(workspace|other)\}/, (_, name: keyof typeof ids) => String(ids[name]));
  return ada.request(url, {
    method,
    headers: { 'Content-Type': 'application/json', ...headers },
    ...(text !== undefined && { body: text }),
  });
}

describe('"37 kinds of client mistake … get an HTML 500 or 404. New: a 4xx in the JSON envelope, with an error code and the offending field"', () => {
  test('more kinds than 37 are here', () => {
    expect(mistakes.length).toBeGreaterThan(37);
  });

  test.each(
    mistakes.map((mistake) => [`${mistake.method} ${mistake.path.slice(0, 60)}: ${mistake.what}`, mistake] as const),
  )('%s', async (_, mistake) => {
    const response = await send(mistake);
    expect(response.headers.get('content-type')).toMatch(/^application\/json/);
    const body = await response.json();
    expect({ status: response.status, ...body }).toMatchObject({
      status: mistake.status,
      success: false,
      message: expect.stringMatching(/\S/),
      error: { code: mistake.code, ...(mistake.field !== undefined && { field: mistake.field }) },
      request_id: response.headers.get('x-request-id'),
    });
    if (mistake.status === 405) expect(response.headers.get('allow')).toMatch(/[A-Z]/);
  });

  test('the truth values of the old service are understood', async () => {
    for (const value of ['True', 'False', '0', '1']) {
      const response = await ada.request(`/shared_workspaces/?is_accepted=${value}`);
      expect({ value, status: response.status }).toEqual({ value, status: 200 });
      await response.body?.cancel();
    }
  });

  test('none of them has changed anything', async () => {
    const { items: workspaces } = await ada.client.workspaces.list();
    expect(workspaces.map(({ name }) => name)).toEqual(['own']);
    expect((await ada.client.jobs.list()).items).toEqual([]);
    expect((await ben.client.workspaces.list()).items.map(({ name }) => name)).toEqual(['not hers']);
    expect((await ada.client.files.list(ids.workspace)).items).toEqual([]);
  });
});
