import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createLog } from '../src/serve/log.js';
import { LogDestination } from '../src/serve/log-destination.js';
import { load } from './load.js';

async function messagesIn(file: string): Promise<unknown[]> {
  const lines = (await readFile(file, 'utf8')).trim().split('\n');
  return lines.map((line) => JSON.parse(line).msg);
}

describe('the log', () => {
  let directory: string;
  let reader: number | undefined;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'uws-log-'));
  });
  afterEach(async () => {
    if (reader !== undefined) closeSync(reader);
    reader = undefined;
    await rm(directory, { recursive: true });
  });

  /** A log whose reader reads when {@link readNow} is called. */
  async function fifoLog(): Promise<ReturnType<typeof createLog>> {
    const file = join(directory, 'log');
    execFileSync('mkfifo', [file]);
    reader = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
    const { configuration } = await load({ environment: { UWS_LOG_FILE: file } });
    return createLog(configuration);
  }

  function readNow(): string {
    if (reader === undefined) return '';
    const bytes = Buffer.alloc(1024 * 1024);
    try {
      return bytes.toString('utf8', 0, readSync(reader, bytes));
    } catch {
      return '';
    }
  }

  async function readUntil(part: string): Promise<{ readonly n?: number; readonly lines?: number }[]> {
    let text = '';
    const isThere = (): boolean => {
      text += readNow();
      return text.includes(part) && text.endsWith('\n');
    };
    await vi.waitUntil(isThere, { timeout: 20_000, interval: 1 });
    return text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
  }

  it('holds nobody up whose reader reads nothing, and gives it all later, in order', async () => {
    const { log } = await fifoLog();
    const startedAt = performance.now();
    for (let n = 0; n < 2_000; n++) log.info({ n, text: 'x'.repeat(1_000) }, 'request');
    expect(performance.now() - startedAt).toBeLessThan(5_000);
    const lines = await readUntil('"n":1999,');
    expect(lines.map(({ n }) => n)).toEqual(Array.from({ length: 2_000 }, (_, n) => n));
  });

  it('keeps some of what nobody reads, and tells where how many lines are missing', async () => {
    const { log } = await fifoLog();
    for (let n = 0; n < 10_000; n++) log.info({ n, text: 'x'.repeat(1_000) }, 'request');
    const lines = await readUntil('are missing here');
    const gap = lines.findIndex((line) => line.lines !== undefined);
    const kept = lines.slice(0, gap).map(({ n }) => n);
    expect(kept).toEqual(Array.from({ length: kept.length }, (_, n) => n));
    expect(kept.length).toBeGreaterThan(2_000);
    expect(kept.length + (lines[gap]?.lines ?? 0)).toBe(10_000);
    log.info({ n: -1 }, 'request');
    expect(await readUntil('"n":-1,')).toMatchObject([{ n: -1 }]);
  });

  it('ends without its reader', async () => {
    const { log, flush } = await fifoLog();
    for (let n = 0; n < 200; n++) log.info({ text: 'x'.repeat(1_000) }, 'request');
    const startedAt = performance.now();
    await flush();
    expect(performance.now() - startedAt).toBeLessThan(5_000);
  });

  it('throws nothing at whoever writes what a full disk does not take', async () => {
    const { configuration } = await load({ environment: { UWS_LOG_FILE: '/dev/full' } });
    const { log, flush } = createLog(configuration);
    log.info('request');
    await delay(120);
    log.info('request');
    await flush();
  });

  it('counts what is lost, and tells elsewhere why, that it goes on, and what is missing at the end', async () => {
    const file = join(directory, 'log');
    const said: string[] = [];
    const full = openSync('/dev/full', constants.O_WRONLY);
    const destination = new LogDestination(
      full,
      () => undefined,
      (sentence) => said.push(sentence),
    );
    destination.write('first\n');
    await vi.waitUntil(() => said.length > 0, { timeout: 20_000 });
    expect(said).toEqual([expect.stringContaining('The log cannot be written: ENOSPC')]);
    const line = `${'x'.repeat(1_000)}\n`;
    for (let n = 0; n < 5_000; n++) destination.write(line);
    expect(destination.lostLines).toBeGreaterThan(500);
    destination.moveTo(openSync(file, constants.O_WRONLY | constants.O_CREAT));
    const kept = (await readFile(file, 'utf8')).split('\n').length - 1;
    expect(kept + destination.lostLines).toBe(5_001);
    expect(said.slice(1)).toEqual([`The log is written again; ${destination.lostLines} of its lines were lost.`]);
    destination.moveTo(openSync('/dev/full', constants.O_WRONLY));
    for (const last of ['one\n', 'two\n']) destination.write(last);
    await destination.flush();
    expect(said.at(-1)).toBe('2 last lines of the log could not be written.');
  });

  it('is opened anew after its file was renamed, and goes on in the former one where that cannot be', async () => {
    const file = join(directory, 'log');
    const { configuration } = await load({ environment: { UWS_LOG_FILE: file } });
    const { log, reopen } = createLog(configuration);
    log.info('before');
    await rename(file, `${file}.1`);
    log.info('between');
    reopen?.();
    log.info('after');
    expect(await messagesIn(`${file}.1`)).toEqual(['before', 'between']);
    expect(await messagesIn(file)).toEqual(['the log was opened anew', 'after']);
    await rename(file, `${file}.2`);
    await mkdir(file);
    reopen?.();
    log.info('last');
    expect(await messagesIn(`${file}.2`)).toEqual([
      'the log was opened anew',
      'after',
      expect.stringContaining('cannot be opened anew: EISDIR'),
      'last',
    ]);
  });

  it('refuses a FIFO that nobody reads, as it would wait for a reader', async () => {
    const file = join(directory, 'log');
    execFileSync('mkfifo', [file]);
    const { configuration } = await load({ environment: { UWS_LOG_FILE: file } });
    expect(() => createLog(configuration)).toThrow(`log_file is "${file}", which cannot be written: ENXIO`);
  });

  it('adds to a file', async () => {
    const file = join(directory, 'log');
    const { configuration } = await load({ environment: { UWS_LOG_FILE: file } });
    for (const text of ['first', 'second']) createLog(configuration).log.info(text);
    expect(await messagesIn(file)).toEqual(['first', 'second']);
  });
});
