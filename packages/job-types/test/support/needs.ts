import { accessSync, constants } from 'node:fs';
import { test } from 'vitest';

/** What some tests need of the machine, with the command that installs it on Debian. */
const installs = {
  '/usr/bin/jupyter-notebook': 'apt-get install -y --no-install-recommends jupyter-notebook python3-ipykernel',
  '/usr/share/lmod/lmod/init/bash': 'apt-get install -y --no-install-recommends lmod',
  '/usr/bin/chromium': 'apt-get install -y --no-install-recommends chromium',
  '/usr/bin/python3': 'apt-get install -y --no-install-recommends python3 python3-venv',
} as const;

export type Need = keyof typeof installs;

/** `test` where the machine has these, else a test that reports by name what is missing; in CI that is a failure. */
export function testWith(...needs: readonly Need[]): typeof test | ReturnType<typeof test.runIf> {
  const missing = needs.filter((path) => {
    try {
      accessSync(path, constants.R_OK);
      return false;
    } catch {
      return true;
    }
  });
  if (missing.length === 0) return test;
  const reason = missing.map((path) => `${path} is missing: ${installs[path]}`).join('; ');
  if (process.env.CI === 'true') throw new Error(`Tests cannot run: ${reason}`);
  console.warn(`NOT RUN, ${reason}`);
  return test.runIf(false);
}
