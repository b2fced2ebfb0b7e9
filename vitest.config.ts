import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const root = fileURLToPath(new URL('.', import.meta.url));

/** Unit tests read the sources, so that they need no build. */
const alias = [
  { find: '@user-workspaces/schema/operations', replacement: `${root}packages/schema/src/operations.gen.ts` },
  { find: '@user-workspaces/schema/administration', replacement: `${root}packages/schema/src/administration.gen.ts` },
  {
    find: '@user-workspaces/server/administration',
    replacement: `${root}packages/server/src/services/administration/index.ts`,
  },
  { find: '@user-workspaces/server/configuration', replacement: `${root}packages/server/src/configuration.ts` },
  { find: '@user-workspaces/schema/openapi.json', replacement: `${root}packages/schema/openapi.json` },
  ...readdirSync(`${root}packages`).map((name) => ({
    find: new RegExp(`^@user-workspaces/${name}$`),
    replacement: `${root}packages/${name}/src/index.ts`,
  })),
];

/** Real processes, servers and browsers on a busy machine now and then miss a moment: in CI such a test may try again, and is reported as retried. */
const retry = process.env.CI ? 2 : 0;

/** Files that take minutes, the longest first: begun last, one of them would leave the other workers without work at the end. */
const longest = [
  'test/crash/storm.test.ts',
  'test/crash/kill.test.ts',
  'packages/resource-slurm/test/suite.test.ts',
  'packages/testkit/test/mutants/storage/storage.test.ts',
  'packages/resource-docker/test/suite.test.ts',
  'packages/storage-local/test/races.test.ts',
  'test/specification/drift.test.ts',
  'packages/testkit/test/mutants/resource/resource.test.ts',
  'packages/database-sql/test/mariadb.test.ts',
  'packages/database-sql/test/postgres.test.ts',
  'packages/resource-local/test/suite.test.ts',
  // The files of a cluster wait for each other: one that begins while another is at work holds a worker for nothing.
  'packages/resource-slurm/test/rest.test.ts',
  'test/crash/pause.test.ts',
  'test/end-to-end/three-resources.test.ts',
  'test/end-to-end/administration.test.ts',
  'test/end-to-end/sessions.test.ts',
  'test/compatibility/faults-reliability.test.ts',
  'packages/job-types/test/jupyter-lab.test.ts',
  'packages/resource-local/test/limits.test.ts',
  'packages/storage-local/test/conformance.test.ts',
  'packages/resource-slurm/test/faults.test.ts',
  'test/security/fuzz/fuzz.test.ts',
  'test/end-to-end/limits.test.ts',
  'test/end-to-end/slurm.test.ts',
].map((name) => root + name);

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const placeOf = ({ moduleId }: TestSpecification) => {
      const place = longest.indexOf(moduleId);
      return place === -1 ? longest.length : place;
    };
    const others = await super.sort(files);
    return others.sort((one, other) => placeOf(one) - placeOf(other));
  }
}

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        resolve: { alias },
        test: {
          name: 'unit',
          include: ['packages/*/test/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          // Most of them wait for processes, engines and clusters much of the time: on two cores two workers would leave the machine idle.
          maxWorkers: 3,
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
