import { mkdir, readdir, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AdapterError } from '@user-workspaces/contract';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { applyPendingChanges, type FileChanges, readPendingChanges, stageFiles } from '../../src/files/staged-files.js';
import { serverActor } from '../../src/records/audit.js';
import { changeFiles } from '../../src/services/pending-changes.js';
import { type OpenWorkspace, storageOf } from '../../src/services/workspace-access.js';
import { type Fixture, startFixture } from './fixture.js';

let server: Fixture;
let open: OpenWorkspace;
const { signal } = new AbortController();
const none = (): void => undefined;
/** Of a user without a quota of disk space. */
const unlimited = { addedBytes: 0 };

beforeEach(async () => {
  server = await startFixture();
  open = storageOf(server.context, server.workspace);
  await mkdir(server.data);
  await writeFile(join(server.data, 'set'), 'data');
});
afterEach(() => server.close());

const changes = (): FileChanges => ({
  files: [
    { path: 'full', content: [Buffer.from('content')] },
    { path: 'sub/empty', content: [] },
    { path: 'sub/other', content: [Buffer.from('more')] },
  ],
  links: [{ path: 'links/set', target: join(server.data, 'set') }],
});
const onDisk = (path: string): Promise<string> => readFile(join(server.directory, path), 'utf8');

/** What is staged, of one workspace. */
async function stagedNames(): Promise<string[]> {
  const names = await readdir(join(server.root, 'workspaces/.staging'), { recursive: true });
  return names.filter((name) => name.includes('/'));
}

async function expectAllDone(): Promise<void> {
  expect(await onDisk('full')).toBe('content');
  expect(await onDisk('sub/empty')).toBe('');
  expect(await onDisk('sub/other')).toBe('more');
  expect(await readlink(join(server.directory, 'links/set'))).toBe(join(server.data, 'set'));
}

/** Ends the work at the n-th step, as a crash would. */
class Crash extends Error {}
const crashAt = (count: number): ((name: string) => void) => {
  let left = count;
  return () => {
    left -= 1;
    if (left === 0) throw new Crash();
  };
};

describe('pending changes', () => {
  it('are finished after a crash at every step, from what the row keeps', async () => {
    for (let step = 1; ; step++) {
      await rm(server.directory, { recursive: true });
      await mkdir(server.directory);
      const staged = await stageFiles(server.context, open, changes(), signal);
      const kept = readPendingChanges(JSON.parse(JSON.stringify(staged)));
      if (!kept) throw new Error('Nothing was kept.');
      const error = await applyPendingChanges(open, kept, crashAt(step), signal).catch((thrown: unknown) => thrown);
      if (error !== undefined) expect(error).toBeInstanceOf(Crash);
      await applyPendingChanges(open, kept, none, signal);
      await expectAllDone();
      if (error === undefined) {
        expect(step).toBe(9);
        break;
      }
    }
  });

  it('never put an old state back over what came after', async () => {
    const staged = await stageFiles(server.context, open, changes(), signal);
    await applyPendingChanges(open, staged, none, signal);
    for (const path of ['full', 'sub/empty', 'sub/other']) await writeFile(join(server.directory, path), 'newer');
    await applyPendingChanges(open, staged, none, signal);
    for (const path of ['full', 'sub/empty', 'sub/other']) expect(await onDisk(path)).toBe('newer');
  });

  it('stay nowhere when staging fails', async () => {
    const broken = async function* (): AsyncGenerator<Uint8Array> {
      yield Buffer.from('part');
      throw new Error('The source broke.');
    };
    const files = [...changes().files, { path: 'broken', content: broken() }];
    await expect(stageFiles(server.context, open, { files, links: [] }, signal)).rejects.toThrow('The source broke.');
    expect(await readdir(server.directory)).toEqual([]);
    expect(await stagedNames()).toEqual([]);
  });

  it.each([
    ['a file where a directory is', { files: ['taken'], links: [] }],
    ['a file below a file', { files: ['file/x'], links: [] }],
    ['a link where a file is', { files: [], links: ['file'] }],
    ['a name as file and directory', { files: ['n', 'n/x'], links: [] }],
    ['a name as file and link', { files: ['n'], links: ['n'] }],
    ['a link twice', { files: [], links: ['n', 'n'] }],
  ])('are refused before anything changes: %s', async (_, { files, links }) => {
    await mkdir(join(server.directory, 'taken'));
    await writeFile(join(server.directory, 'file'), 'x');
    const asked = {
      files: ['good', ...files].map((path) => ({ path, content: [Buffer.from('y')] })),
      links: links.map((path) => ({ path, target: join(server.data, 'set') })),
    };
    await expect(
      changeFiles(server.context, serverActor, open, asked, { name: 'New' }, unlimited, signal),
    ).rejects.toMatchObject({
      kind: 'conflict',
    });
    expect((await readdir(server.directory)).sort()).toEqual(['file', 'taken']);
    expect(await server.database.findOne('workspaces', { id: open.row.id })).toMatchObject({ name: 'First' });
    expect(await server.database.count('uploads', {})).toBe(0);
  });
});

describe('changing files', () => {
  const present = () => server.database.findOne('workspaces', { id: server.workspace.id });

  it('changes files, links and columns, and frees the row', async () => {
    const row = await changeFiles(server.context, serverActor, open, changes(), { name: 'Renamed' }, unlimited, signal);
    await expectAllDone();
    expect(row).toMatchObject({ name: 'Renamed', pending_changes: null, due_at_ms: null, lease_until_ms: 0 });
    expect(await present()).toEqual(row);
    expect(new Set(server.steps)).toEqual(
      new Set(['files.stage', 'files.put', 'files.link'].flatMap((name) => [`before ${name}`, `after ${name}`])),
    );
  });

  it('is recorded before anything changes, so that the reconciler can finish it', async () => {
    const seen: unknown[] = [];
    server.onStep = (name) => {
      if (name !== 'before files.put') return;
      seen.push(present().then((row) => row));
    };
    await changeFiles(server.context, serverActor, open, changes(), { description: 'D' }, unlimited, signal);
    const [first] = (await Promise.all(seen)) as [NonNullable<Awaited<ReturnType<typeof present>>>];
    expect(readPendingChanges(first.pending_changes)?.files.map(({ path }) => path)).toEqual([
      'full',
      'sub/empty',
      'sub/other',
    ]);
    expect(first.description).toBe('D');
    expect(first.due_at_ms).toBeGreaterThan(Date.now());
    expect(first.lease_owner).toBe('test');
  });

  it('is undone by an error, which leaves the columns as they were', async () => {
    const link = open.storage.link.bind(open.storage);
    open.storage.link = async () => {
      throw new AdapterError('unavailable', 'The storage is away.');
    };
    const failing = changeFiles(server.context, serverActor, open, changes(), { name: 'Renamed' }, unlimited, signal);
    await expect(failing).rejects.toMatchObject({ kind: 'unavailable' });
    expect(await present()).toMatchObject({ name: 'First', pending_changes: null, due_at_ms: null, lease_until_ms: 0 });
    expect(await server.database.count('uploads', {})).toBe(0);
    open.storage.link = link;
    await changeFiles(server.context, serverActor, open, changes(), {}, unlimited, signal);
    await expectAllDone();
  });

  it('follows what an earlier change left pending', async () => {
    const earlier = await stageFiles(
      server.context,
      open,
      { files: [{ path: 'earlier', content: [Buffer.from('e')] }], links: [] },
      signal,
    );
    await server.database.transaction((rows) =>
      rows.update('workspaces', { id: open.row.id }, { pending_changes: earlier, due_at_ms: 1 }),
    );
    await changeFiles(server.context, serverActor, open, changes(), {}, unlimited, signal);
    expect(await onDisk('earlier')).toBe('e');
    await expectAllDone();
  });

  it('waits for whoever holds the lease, and gives up in time', async () => {
    let nowMs = Date.now();
    const clock = {
      now: () => nowMs,
      elapsed: () => nowMs,
      sleep: async (delayMs: number) => {
        nowMs += delayMs;
      },
    };
    await server.close();
    server = await startFixture({ clock });
    open = storageOf(server.context, server.workspace);
    await server.database.transaction((rows) =>
      rows.update('workspaces', { id: open.row.id }, { lease_owner: 'other', lease_until_ms: nowMs + 60_000 }),
    );
    const asked = { files: changes().files, links: [] };
    await expect(changeFiles(server.context, serverActor, open, asked, {}, unlimited, signal)).rejects.toMatchObject({
      code: 'conflict',
    });
    expect(await server.database.count('uploads', {})).toBe(0);
    expect(await readdir(server.directory)).toEqual([]);
  });

  it('is refused, and staged nowhere, once the workspace is being deleted', async () => {
    await server.database.transaction((rows) => rows.update('workspaces', { id: open.row.id }, { status: 'deleting' }));
    await expect(
      changeFiles(server.context, serverActor, open, changes(), {}, unlimited, signal),
    ).rejects.toMatchObject({
      code: 'conflict',
    });
    expect(await server.database.count('uploads', {})).toBe(0);
  });

  it('leaves nothing that a storage stores after its caller has gone', async () => {
    const { storage } = server;
    const leaving = new AbortController();
    const reason = new Error('The caller went away.');
    let arriving: Promise<number> | undefined;
    // As a storage on another machine: a call ends with its signal, and what was sent arrives all the same.
    vi.spyOn(storage, 'appendUpload').mockImplementationOnce((directory, id, offset, source, given) => {
      arriving = new Promise((resolve) => setTimeout(resolve, 100)).then(() =>
        storage.appendUpload(directory, id, offset, source),
      );
      leaving.abort(reason);
      return given ? Promise.reject(reason) : arriving;
    });
    const changing = changeFiles(server.context, serverActor, open, changes(), {}, unlimited, leaving.signal);
    await expect(changing).rejects.toBe(reason);
    await arriving;
    expect(await stagedNames()).toEqual([]);
    expect(await server.database.count('uploads', {})).toBe(0);
  });

  it('keeps the row of what a storage may yet store', async () => {
    vi.spyOn(server.storage, 'appendUpload').mockRejectedValueOnce(new AdapterError('unavailable', 'No answer.'));
    const changing = changeFiles(server.context, serverActor, open, changes(), {}, unlimited, signal);
    await expect(changing).rejects.toMatchObject({ kind: 'unavailable' });
    expect(await server.database.count('uploads', {})).toBe(1);
  });

  it('lets many requests at once follow each other', async () => {
    await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        changeFiles(
          server.context,
          serverActor,
          open,
          { files: [{ path: `f${index}`, content: [Buffer.from('x')] }], links: [] },
          { name: `n${index}` },
          unlimited,
          signal,
        ),
      ),
    );
    expect((await readdir(server.directory)).length).toBe(8);
    expect(await present()).toMatchObject({ pending_changes: null, lease_until_ms: 0, due_at_ms: null });
    expect((await stat(join(server.directory, 'f3'))).size).toBe(1);
  });
});
