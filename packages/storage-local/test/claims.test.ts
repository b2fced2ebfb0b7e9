import { readdir } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { withClaim } from '../src/claims.js';
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
