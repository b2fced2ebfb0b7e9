import { mkdir, mkdtemp, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { versionOfReport } from '../src/report.js';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(`${tmpdir()}/uws-report-`);
  await mkdir(`${root}/workspace/.7`, { recursive: true });
  await mkdir(`${root}/outside`);
  await writeFile(`${root}/outside/session`, 'x');
});
afterEach(() => rm(root, { recursive: true }));

test('the look for a report sees what lies in the job directory, and nothing that a link leads to', async () => {
  const place = { workspacePath: `${root}/workspace`, jobId: 7 };
  expect(await versionOfReport(place)).toBeUndefined();
  await writeFile(`${root}/workspace/.7/session`, 'x');
  const first = await versionOfReport(place);
  await utimes(`${root}/workspace/.7/session`, 1, 1);
  expect([first === undefined, (await versionOfReport(place)) === first]).toEqual([false, false]);

  await rm(`${root}/workspace/.7/session`);
  await symlink(`${root}/outside/session`, `${root}/workspace/.7/session`);
  const link = await versionOfReport(place);
  await utimes(`${root}/outside/session`, 1, 1);
  expect([link === undefined, await versionOfReport(place)]).toEqual([false, link]);
  await rm(`${root}/outside/session`);
  expect(await versionOfReport(place)).toBe(link);

  await writeFile(`${root}/outside/session`, 'x');
  await rename(`${root}/workspace/.7`, `${root}/workspace/.8`);
  await symlink(`${root}/outside`, `${root}/workspace/.7`);
  expect(await versionOfReport(place)).toBeUndefined();
});
