import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const root = fileURLToPath(new URL('.', import.meta.url));

/** Unit tests read the sources, so that they need no build. */
const alias = Object.fromEntries(
  readdirSync(`${root}packages`).map((name) => [`@user-workspaces/${name}`, `${root}packages/${name}/src/index.ts`]),
);

export default defineConfig({
  test: {
    projects: [
      {
        resolve: { alias },
        test: { name: 'unit', include: ['packages/*/test/**/*.test.ts'], testTimeout: 20_000, hookTimeout: 30_000 },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/**/*.test.ts', 'examples/*/test/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          maxWorkers: 2,
        },
      },
    ],
  },
});
