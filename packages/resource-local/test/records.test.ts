import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Records } from '../src/records.js';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(`${tmpdir()}/uws-records-`);
});
afterEach(() => rm(root, { recursive: true, force: true }));

const launchKey = '0123456789abcdef0123456789abcdef';
const record = {
  launchKey,
  jobId: 1,
  workspacePath: '/',
  uid: 1,
  cpus: null,
  memoryMb: null,
  port: null,
  isolation: 'namespace',
  cgroups: [],
  oomFile: null,
  bootId: 'boot',
};

it('remembers a launch as it is, when its directory went away and came back while it was read', async () => {
  const writer = await Records.open(root);
  await writer.create(launchKey, {
    'launch.json': JSON.stringify(record),
    supervisor: '10 20 boot\n',
    started: '11 21 30\n',
    result: '0 x exited\n',
  });
  let going = true;
  const moves = (async () => {
    while (going) {
      await rename(`${root}/${launchKey}`, `${root}/away`);
      await rename(`${root}/away`, `${root}/${launchKey}`);
    }
  })();
  const readers: Records[] = [];
  try {
    for (let round = 0; round < 1_000; round++) {
      const reader = await Records.open(root);
      await reader.read(launchKey);
      readers.push(reader);
    }
  } finally {
    going = false;
  }
  await moves;
  for (const reader of readers) {
    expect(await reader.read(launchKey)).toMatchObject({
      claimed: true,
      supervisor: { pid: 10 },
      started: { init: { pid: 11 } },
      result: { code: 0 },
    });
  }
});

it('tells no keys from an empty directory that is in its place, as while a disk is not mounted', async () => {
  const records = await Records.open(root);
  await records.create(launchKey, { stop: '1\n' });
  expect(await records.keys()).toEqual([launchKey]);
  await rename(root, `${root}.away`);
  await mkdir(root);
  await expect(records.keys()).rejects.toMatchObject({ code: 'ENOENT' });
  await rm(root, { recursive: true });
  await rename(`${root}.away`, root);
  expect(await records.keys()).toEqual([launchKey]);
});
