import { createHash } from 'node:crypto';
import { readdir, symlink, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { withClaim } from '../src/claims.js';
import { createLocalStorage } from '../src/create-local-storage.js';
import { DirectoryHandle } from '../src/directory-handle.js';
import { temporaryDirectory } from './fixture.js';

const version = (staged: string, nowMs = Date.now()) => ({ path: 'a/file', etag: '1', staged, nowMs });
const taken = () => new Error('taken');

it('a version is claimed by one writer, by whoever finishes for it, and anew when its holder was killed', async () => {
  const directory = await temporaryDirectory();
  const staging = await DirectoryHandle.open(directory, 'directory-handles');
  await withClaim(staging, version('write-1'), taken, async (isHeld) => {
    await expect(withClaim(staging, version('write-2'), taken, async () => 'replaced')).rejects.toThrow('taken');
    // Another version of it is another thing.
    const other = { ...version('write-2'), etag: '2' };
    expect(await withClaim(staging, other, taken, async () => 'replaced')).toBe('replaced');
    expect(await isHeld()).toBe(true);
    // Killed, as the others see it a minute later: who comes takes over, and the first one must not go on.
    const late = version('write-3', Date.now() + 61_000);
    await withClaim(staging, late, taken, async (isHeldByOther) => {
      expect([await isHeld(), await isHeldByOther()]).toEqual([false, true]);
    });
  });
  expect(await withClaim(staging, version('write-4'), taken, async (isHeld) => isHeld())).toBe(true);
  // What was broken off is carried on under the same name.
  await withClaim(staging, version('upload'), taken, () =>
    withClaim(staging, version('upload'), taken, async () => {}),
  );
  expect(await readdir(directory)).toEqual([]);
  await staging.close();
});

it('whoever comes while a version is replaced waits for what becomes of it', async () => {
  const staging = await DirectoryHandle.open(await temporaryDirectory(), 'directory-handles');
  const order: string[] = [];
  let second: Promise<void> | undefined;
  await withClaim(staging, version('write-1'), taken, async () => {
    second = withClaim(staging, version('write-2'), taken, async () => void order.push('second'));
    await sleep(100);
    order.push('first');
  });
  await second;
  expect(order).toEqual(['first', 'second']);
  await staging.close();
});

it('a version whose replacement was killed is told as busy, not as changed', async () => {
  const root = await temporaryDirectory();
  const storage = await createLocalStorage({
    name: 'test',
    rootDirectory: root,
    allowedLinkRoots: [],
    ownership: 'none',
  });
  const account = { name: 'alice', uid: null, gid: null };
  const workspace = { account, location: storage.locate(account, 1) };
  await storage.create(workspace);
  const write = (text: string, ifMatch?: string) =>
    storage.write(workspace, 'file', Readable.from([Buffer.from(text)]), ifMatch === undefined ? {} : { ifMatch });
  const { etag } = await write('before');
  const claim = `claim-${createHash('sha256').update(`file\0${etag}`).digest('hex').slice(0, 32)}`;
  const [staging] = await readdir(join(root, '.staging'));
  await symlink('write-of-the-dead', join(root, '.staging', staging ?? '', claim));
  await expect(write('after', String(etag))).rejects.toMatchObject({
    kind: 'unavailable',
    message: expect.stringMatching(/Try again in a minute/),
  });
  await unlink(join(root, '.staging', staging ?? '', claim));
  await write('after', String(etag));
});
