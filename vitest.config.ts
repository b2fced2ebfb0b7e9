import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const root = fileURLToPath(new URL('.', import.meta.url));

/** Unit tests read the sources, so that they need no build. */
const alias = [
  { find: '@user-workspaces/schema/operations', replacement: `${root}packages/schema/src/operations.gen.ts` },
  { find: '@user-workspaces/schema/administration', replacement: `${root}packages/schema/src/administration.gen.ts` },
  { find: '@user-workspaces/schema/openapi.json', replacement: `${root}packages/schema/openapi.json` },
  ...readdirSync(`${root}packages`).map((name) => ({
    find: new RegExp(`^@user-workspaces/${name}$`),
    replacement: `${root}packages/${name}/src/index.ts`,
  })),
];

/** Real processes, servers and browsers on a busy machine now and then miss a moment: in CI such a test may try again, and is reported as retried. */
const retry = process.env.CI ? 2 : 0;

export default defineConfig({
  test: {
    projects: [
      {
        resolve: { alias },
        test: {
          name: 'unit',
          include: ['packages/*/test/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          // Most of them wait for processes: on two cores one worker would leave the machine idle.
          maxWorkers: 2,
          retry,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/**/*.test.ts', 'examples/*/test/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          maxWorkers: 2,
          // After the unit tests: whole servers and browsers want the machine for themselves.
          sequence: { groupOrder: 1 },
          retry,
        },
      },
    ],
  },
});
