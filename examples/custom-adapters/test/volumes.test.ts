import { chmod, stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { expect, it } from 'vitest';
import { createVolumesStorage } from '../src/volumes/storage.js';
import { volumes } from '../src/volumes/world.js';

it('the worlds of the kit have workspaces on two volumes, so that copying between them is tried', async () => {
  const { workspace, other, close } = await volumes.open();
  const volumeOf = (location: string) => location.split('/').at(-3);
  expect(volumeOf(workspace.location)).not.toBe(volumeOf(other.location));
  await close();
});

it('copies within a volume as that volume does: modes come along', async () => {
  const { storage, workspace, plain, close } = await volumes.open();
  const copy = { ...workspace, location: storage.locate(workspace.account, 8) };
  await storage.create(workspace);
  await storage.write(workspace, 'run', Readable.from([Buffer.from('#!/bin/sh')]));
  await chmod(plain?.at(workspace, 'run') ?? '', 0o755);
  await storage.copy(workspace, copy);
  expect((await stat(plain?.at(copy, 'run') ?? '')).mode & 0o777).toBe(0o755);
  await close();
});

it('finds workspaces where they are when a volume was added, and refuses places on none', async () => {
  const { storage, workspace, close } = await volumes.open();
  await storage.create(workspace);
  const [base = ''] = workspace.location.split(/\/(?=one|two|three)/);
  const more = await createVolumesStorage({
    name: 'more',
    volumes: [`${base}/four`, `${base}/one`, `${base}/two`, `${base}/three`],
    allowedLinkRoots: [],
    ownership: 'none',
  });
  expect((await more.stat(workspace, '')).kind).toBe('directory');
  const nowhere = { ...workspace, location: `${base}/five/ada/7` };
  await expect(more.stat(nowhere, '')).rejects.toMatchObject({ kind: 'denied' });
  await more.close();
  await close();
});

it('refuses volumes within each other', async () => {
  for (const inner of ['/srv/a', '/srv/a/b', '/srv/a/../a']) {
    const call = createVolumesStorage({
      name: 'x',
      volumes: ['/srv/a', inner],
      allowedLinkRoots: [],
      ownership: 'none',
    });
    await expect(call).rejects.toMatchObject({ kind: 'misconfigured', field: 'volumes' });
  }
});
