import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, expect } from 'vitest';
import { createTerminalJob, installTerminalRuntime } from '../src/index.js';
import { testWith } from './support/needs.js';
import { buildPrograms, type Job, Resource, sessionToken } from './support/resource.js';
import { StrippingProxy } from './support/stripping-proxy.js';

const executablePath = '/usr/bin/chromium';
const test = testWith(executablePath);
const resource = new Resource();
const basePath = '/passthrough/127.0.0.1/1';
let job: Job;
let proxy: StrippingProxy;
let browser: Browser | undefined;

beforeAll(async () => {
  buildPrograms();
  const runtime = await installTerminalRuntime(join(resource.root, 'runtime'));
  job = resource.start(createTerminalJob(runtime).configure({}, 'terminal'), {
    basePath,
    machine: { SHELL: '/bin/bash', PS1: '\\[\\e[1;32m\\]ada@workspace\\[\\e[0m\\]:\\[\\e[1;34m\\]\\W\\[\\e[0m\\]$ ' },
  });
  proxy = await StrippingProxy.open(await job.ready(), basePath);
});
afterAll(async () => {
  await browser?.close();
  proxy.close();
  await resource.close();
});

interface Opened {
  readonly page: Page;
  readonly problems: readonly string[];
}

async function open(
  path = '',
  colorScheme: 'dark' | 'light' = 'dark',
  size = { width: 900, height: 560 },
): Promise<Opened> {
  browser ??= await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
  const context = await browser.newContext({ colorScheme, viewport: size });
  const page = await context.newPage();
  const problems: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text());
  });
  page.on('pageerror', (error) => problems.push(error.message));
  await page.goto(`${proxy.address}${path}?token=${sessionToken}`);
  await state(page, 'Connected');
  return { page, problems };
}

const state = (page: Page, text: string) =>
  page.locator('#state-text', { hasText: new RegExp(`^${text}$`) }).waitFor({ timeout: 15_000 });
const screen = async (page: Page) => `${(await page.locator('.xterm-rows > div').allTextContents()).join('\n')}\n`;

async function shows(page: Page, text: string): Promise<void> {
  await expect.poll(() => screen(page), { timeout: 8_000 }).toContain(text);
}

/** For a person to look at, where asked for. */
async function picture(page: Page, name: string): Promise<void> {
  const directory = process.env.UWS_TEST_PICTURES;
  if (!directory) return;
  mkdirSync(directory, { recursive: true });
  await page.screenshot({ path: join(directory, `${name}.png`) });
}

test('types into a real shell, from an address without its last slash', { timeout: 40_000 }, async () => {
  const { page, problems } = await open();
  await page.keyboard.type('echo $((6*7))\n');
  await shows(page, '\n42\n');
  await page.keyboard.type(
    'PS1="$PS1" ls --color=always -d /etc /bin /proc/self /etc/hostname; printf "\\e[31mred \\e[33myellow \\e[36mcyan\\e[0m ünïcödé ✓\\n"\n',
  );
  await shows(page, 'ünïcödé ✓');
  await picture(page, 'dark');
  await page.emulateMedia({ colorScheme: 'light' });
  await picture(page, 'light');
  expect(problems).toEqual([]);
  await page.context().close();
});

test('keeps the shell over a lost line and over a reload', { timeout: 40_000 }, async () => {
  const { page } = await open('/');
  await page.keyboard.type('kept=yes; clear; echo one\n');
  await shows(page, 'one\n');
  proxy.cut();
  await state(page, 'Reconnecting');
  await state(page, 'Connected');
  await page.keyboard.type('echo "[$kept]"\n');
  await shows(page, '[yes]');
  // Nothing is repeated that was on the screen already.
  expect((await screen(page)).match(/^one$/gm)).toHaveLength(1);
  await page.reload();
  await state(page, 'Connected');
  await shows(page, '[yes]');
  await page.context().close();
});

test('fits its window, tells the title, and can be left by keyboard', { timeout: 40_000 }, async () => {
  const { page } = await open('/tree//x.ipynb', 'dark', { width: 340, height: 300 });
  await page.keyboard.type('clear; stty size; printf "\\e]0;my <b>title</b>\\a"\n');
  await expect.poll(() => page.title()).toBe('my <b>title</b> – Terminal');
  const size = async () =>
    /^([0-9]+) ([0-9]+)\s*$/m
      .exec(await screen(page))
      ?.slice(1)
      .map(Number) ?? [];
  await expect.poll(size).toHaveLength(2);
  const [, columns = 0] = await size();
  expect(columns).toBeGreaterThan(25);
  await page.setViewportSize({ width: 900, height: 500 });
  await page.keyboard.type('clear; stty size\n');
  await expect.poll(async () => (await size())[1] ?? 0).toBeGreaterThan(columns * 2);
  expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);

  await page.keyboard.press('Shift+F6');
  expect(await page.evaluate('document.activeElement.id')).toBe('smaller');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  expect(await page.evaluate('localStorage.getItem("terminal text size")')).toBe('15');
  await page.setViewportSize({ width: 340, height: 300 });
  await picture(page, 'small');
  await page.context().close();
});

test('says that the shell has ended and offers a new one', { timeout: 40_000 }, async () => {
  const { page } = await open('/');
  await page.keyboard.type('exit 3\n');
  await state(page, 'Shell ended');
  await page.getByText('It ended with code 3.').waitFor();
  await picture(page, 'ended');
  // The button has the focus.
  await page.keyboard.press('Enter');
  await state(page, 'Connected');
  await page.keyboard.type('echo $((7*8))\n');
  await shows(page, '56');

  const other = await page.context().newPage();
  await other.goto(page.url());
  await other.evaluate(`sessionStorage.setItem('shell ' + location.pathname, ${JSON.stringify(await shellOf(page))})`);
  await other.reload();
  await state(page, 'Open elsewhere');
  await picture(page, 'taken');
  await page.getByRole('button', { name: 'Use it here' }).click();
  await state(page, 'Connected');
  await state(other, 'Open elsewhere');
  await page.context().close();
});

const shellOf = (page: Page) => page.evaluate("sessionStorage.getItem('shell ' + location.pathname)");

test('says so when the job has ended', { timeout: 40_000 }, async () => {
  const { page } = await open('/');
  await job.terminate();
  await state(page, 'Not connected');
  await page.getByText('The session does not answer').waitFor();
  await picture(page, 'gone');
  await page.context().close();
});
