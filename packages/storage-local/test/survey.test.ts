import { appendFile, link, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import type { Survey } from '@user-workspaces/contract';
import { beforeEach, expect, it, vi } from 'vitest';
import { bytes, type Fixture, fixture, openFiles } from './fixture.js';

let f: Fixture;
beforeEach(async () => {
  f = await fixture();
});

/** Watches from now on, and can wait for a report. */
function watched(): {
  reports: { survey: Survey; atMs: number }[];
  abort: AbortController;
  until: (test: (survey: Survey) => boolean) => Promise<void>;
} {
  const reports: { survey: Survey; atMs: number }[] = [];
  const abort = new AbortController();
  f.storage.watch(f.workspace, (survey) => reports.push({ survey, atMs: Date.now() }), abort.signal);
  const until = async (test: (survey: Survey) => boolean): Promise<void> => {
    await vi.waitUntil(() => reports.some(({ survey }) => test(survey)), { timeout: 8_000, interval: 20 });
  };
  return { reports, abort, until };
}

it('counts everything, lists what is visible', async () => {
  await f.storage.write(f.workspace, 'b/c/d.txt', bytes('12345'));
  await f.storage.write(f.workspace, 'a.txt', bytes('123'));
  await f.storage.write(f.workspace, '.env', bytes('1234567890'));
  await f.storage.write(f.workspace, '.git/deep/obj', bytes('1234567890'));
  await f.storage.link(f.workspace, 'datasets/x', f.data);
  await writeFile(`${f.data}/big`, 'x'.repeat(1000));
  await symlink('/etc', f.at('.hidden-link'));
  await writeFile(Buffer.concat([Buffer.from(`${f.workspace.location}/`), Buffer.from([0xff])]), '1');
  expect(await f.storage.survey(f.workspace)).toEqual({
    diskSpaceBytes: 29,
    files: ['/a.txt', '/b/c/d.txt'],
    symlinks: ['/datasets/x'],
  });
});

it('lists so many names and counts the rest', async () => {
  const { surveyLimit } = f.storage.capabilities;
  for (const directory of ['one', 'two']) {
    await mkdir(f.at(directory));
    const names = Array.from({ length: surveyLimit * 0.6 }, (_, n) => f.at(`${directory}/f${n}`));
    for (let from = 0; from < names.length; from += 500) {
      await Promise.all(names.slice(from, from + 500).map((name) => writeFile(name, '1')));
    }
  }
  const survey = await f.storage.survey(f.workspace);
  expect(survey.files).toHaveLength(surveyLimit);
  expect(survey.diskSpaceBytes).toBe(surveyLimit * 1.2);
  const { reports, abort, until } = watched();
  await until(({ files }) => files.length === surveyLimit);
  await rm(f.at('one'), { recursive: true });
  await until(({ files }) => files.length === surveyLimit * 0.6 && files.every((name) => name.startsWith('/two/')));
  expect(reports.at(-1)?.survey.diskSpaceBytes).toBe(surveyLimit * 0.6);
  abort.abort();
});

it('lists names of so many bytes, whatever their number, and more as soon as there is room', async () => {
  const { surveyNameBytes } = f.storage.capabilities;
  const names = Array.from({ length: 60 }, (_, n) => `${'é'.repeat(120)}${String(n).padStart(3, '0')}`);
  const long = 'x'.repeat(250);
  const deep = Array.from({ length: 12 }, () => long).join('/');
  const length = (files: readonly string[]) => files.reduce((sum, name) => sum + Buffer.byteLength(name) + 2, 0);
  for (const directory of ['one', 'two']) {
    await mkdir(f.at(`${directory}/${deep}`), { recursive: true });
    await Promise.all(names.map((name) => writeFile(f.at(`${directory}/${deep}/${name}`), '1')));
  }
  const all = length(names.flatMap((name) => [`/one/${deep}/${name}`, `/two/${deep}/${name}`]));
  expect(all).toBeGreaterThan(surveyNameBytes);
  const survey = await f.storage.survey(f.workspace);
  expect(survey.diskSpaceBytes).toBe(120);
  expect(length(survey.files)).toBeLessThanOrEqual(surveyNameBytes);
  expect(length(survey.files)).toBeGreaterThan(surveyNameBytes - 4_000);
  const { abort, until } = watched();
  await until(({ files }) => files.length === survey.files.length);
  await rm(f.at('one'), { recursive: true });
  await until(({ files }) => files.length === 60 && files.every((name) => name.startsWith('/two/')));
  abort.abort();
});

it('follows files, directories and links as they come, grow, move and go', async () => {
  await f.storage.write(f.workspace, 'a/old.txt', bytes('1'));
  const { reports, abort, until } = watched();
  await until(({ files }) => files.length === 1);
  await mkdir(f.at('new/deep'), { recursive: true });
  await writeFile(f.at('new/deep/x'), '22');
  await until(({ diskSpaceBytes }) => diskSpaceBytes === 3);
  await appendFile(f.at('new/deep/x'), '333');
  await until(({ diskSpaceBytes }) => diskSpaceBytes === 6);
  await rename(f.at('new'), f.at('a/moved'));
  await until(({ files }) => files.includes('/a/moved/deep/x') && files.length === 2);
  await appendFile(f.at('a/moved/deep/x'), '4');
  await until(({ diskSpaceBytes }) => diskSpaceBytes === 7);
  await f.storage.link(f.workspace, 'l', f.data);
  await until(({ symlinks }) => symlinks.length === 1);
  await rm(f.at('a'), { recursive: true });
  await until(({ diskSpaceBytes, files }) => diskSpaceBytes === 0 && files.length === 0);
  abort.abort();
  for (let n = 1; n < reports.length; n += 1) {
    expect((reports[n]?.atMs ?? 0) - (reports[n - 1]?.atMs ?? 0)).toBeGreaterThanOrEqual(990);
    expect(reports[n]?.survey).not.toEqual(reports[n - 1]?.survey);
  }
}, 40_000);

it('reports a burst once, and nothing when nothing changed', async () => {
  const { reports, abort, until } = watched();
  await until(() => true);
  await Promise.all(Array.from({ length: 300 }, (_, n) => writeFile(f.at(`f${n}`), '1')));
  await until(({ files }) => files.length === 300);
  const count = reports.length;
  expect(count).toBeLessThanOrEqual(3);
  await f.storage.survey(f.workspace);
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  expect(reports).toHaveLength(count);
  abort.abort();
});

it('never follows a link that takes the place of a directory', async () => {
  await f.storage.write(f.workspace, 'd/x', bytes('1'));
  await writeFile(`${f.data}/outside`, '22');
  const { reports, abort, until } = watched();
  await until(({ files }) => files.length === 1);
  await rename(f.at('d'), f.at('e'));
  await symlink(f.data, f.at('d'));
  await until(({ symlinks }) => symlinks.includes('/d'));
  await writeFile(`${f.data}/more`, '333');
  await new Promise((resolve) => setTimeout(resolve, 1_300));
  expect(reports.at(-1)?.survey).toEqual({ diskSpaceBytes: 1, files: ['/e/x'], symlinks: ['/d'] });
  abort.abort();
});

it('follows more directories than it has watches for, a little later', async () => {
  await Promise.all(Array.from({ length: 600 }, (_, n) => mkdir(f.at(`d${n}`))));
  const { abort, until } = watched();
  await until(() => true);
  await Promise.all(Array.from({ length: 600 }, (_, n) => writeFile(f.at(`d${n}/x`), '1')));
  await vi.waitFor(async () => until(({ files }) => files.length === 600), { timeout: 20_000 });
  abort.abort();
}, 30_000);

it('closes everything at the signal, at close(), and when the workspace is gone', async () => {
  await f.storage.write(f.workspace, 'a/b/c', bytes('1'));
  const warmUp = watched();
  await warmUp.until(() => true);
  warmUp.abort.abort();
  // The process's one inotify handle stays open once it was needed.
  const before = await openFiles();
  const first = watched();
  const second = watched();
  await Promise.all([first.until(() => true), second.until(() => true)]);
  first.abort.abort();
  await f.storage.destroy(f.workspace);
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  const count = second.reports.length;
  await f.storage.close();
  expect(second.reports).toHaveLength(count);
  expect(await openFiles()).toBeLessThanOrEqual(before);
  f.storage.watch(f.workspace, () => expect.fail('the workspace is gone'), new AbortController().signal);
  await f.storage.close();
});

it('counts a hard link at each of its names', async () => {
  await f.storage.write(f.workspace, 'one', bytes('123'));
  await link(f.at('one'), f.at('two'));
  expect((await f.storage.survey(f.workspace)).diskSpaceBytes).toBe(6);
});

it('ends quietly when the watch ends in the middle of a reading', async () => {
  for (let index = 0; index < 200; index++) {
    await mkdir(f.at(`d${index}`));
    await writeFile(f.at(`d${index}/file`), '1');
  }
  const rejections: unknown[] = [];
  const note = (reason: unknown): unknown => rejections.push(reason);
  process.on('unhandledRejection', note);
  for (let delayMs = 0; delayMs < 40; delayMs += 2) {
    const { abort } = watched();
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    abort.abort();
  }
  await f.storage.close();
  process.off('unhandledRejection', note);
  expect(rejections).toEqual([]);
});
