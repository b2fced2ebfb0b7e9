import { resourceSuite, testAdapter } from '@user-workspaces/testkit';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { missingForSlurm, type SlurmCluster, startSlurmCluster } from '../../../test/backends/slurm/cluster.js';
import { describeUnless } from '../../../test/support/requirements.js';
import { jobUser, openSlurmWorld } from './world.js';

describeUnless(missingForSlurm(), 'a real cluster', () => {
  let cluster: SlurmCluster;
  beforeAll(async () => {
    cluster = await startSlurmCluster([jobUser]);
  }, 900_000);
  afterAll(() => cluster?.down(), 120_000);

  const differences = {
    push: 'Slurm reports nothing by itself: the server asks once for all jobs.',
    memory_limit:
      'The kernel ends the process that takes too much; the rest of the job goes on, and Slurm 22.05 says OUT_OF_MEMORY at its end.',
  };
  testAdapter({ describe, test: test.concurrent }, resourceSuite, {
    name: 'resource-slurm',
    open: () => openSlurmWorld(cluster),
    differences,
  });
});
