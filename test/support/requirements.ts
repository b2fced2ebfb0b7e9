import { existsSync } from 'node:fs';
import { describe } from 'vitest';

/** Programs of the machine that tests use, and how to get them. */
const programs = {
  caddy: { path: '/usr/bin/caddy', install: 'apt-get install --no-install-recommends caddy' },
  chromium: { path: '/usr/bin/chromium', install: 'apt-get install --no-install-recommends chromium' },
  haproxy: { path: '/usr/sbin/haproxy', install: 'apt-get install --no-install-recommends haproxy' },
  jupyter: {
    path: '/usr/bin/jupyter-notebook',
    install: 'apt-get install --no-install-recommends jupyter-notebook python3-ipykernel',
  },
  nginx: { path: '/usr/sbin/nginx', install: 'apt-get install --no-install-recommends nginx-light' },
  openssl: { path: '/usr/bin/openssl', install: 'apt-get install --no-install-recommends openssl' },
  python3: { path: '/usr/bin/python3', install: 'apt-get install --no-install-recommends python3' },
} as const;

export type Program = keyof typeof programs;

/** Where a program is. */
export function pathOf(program: Program): string {
  return programs[program].path;
}

/** What is to be installed for these programs; empty when all are there. */
export function whatIsMissing(needed: readonly Program[]): string {
  return needed
    .filter((program) => !existsSync(programs[program].path))
    .map(
      (program) => `${program} (${programs[program].path}) is missing; install it with: ${programs[program].install}`,
    )
    .join('; ');
}

/**
 * A group of tests that need programs of the machine. Where one is missing the group is reported as not run, with the command that installs
 * it; in CI a missing one is a failure.
 */
export function describeWith(needed: readonly Program[], name: string, tests: () => void): void {
  describeUnless(whatIsMissing(needed), name, tests);
}

/** The same for anything else that the machine must have. @param message What is missing; empty when nothing is. */
export function describeUnless(message: string, name: string, tests: () => void): void {
  if (message === '') {
    describe(name, tests);
    return;
  }
  if (process.env.CI) throw new Error(`${name}: ${message}`);
  console.warn(`NOT RUN: ${name}: ${message}`);
  describe.skip(`${name} [not run: ${message}]`, tests);
}
