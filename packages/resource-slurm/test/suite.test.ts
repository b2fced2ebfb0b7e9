import { resourceSuite, testAdapter } from '@user-workspaces/testkit';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { missingForSlurm, type SlurmCluster, startSlurmCluster } from '../../../test/backends/slurm/cluster.js';
import { describeUnless } from '../../../test/support/requirements.js';
import { jobUser, openSlurmWorld } from './world.js';

/** What rests on how the cluster is asked, and takes no whole minutes: the rest of the suite is tried by slurmrestd in the long form alone. */
const asksTheCluster = new Set([
  'launch.once',
  'launch.lost-answer',
  'launch.unavailable',
  'launch.environment',
  'launch.invalid',
  'observe.one-request',
  'observe.unknown',
  'end.exit-code',
  'end.signal',
  'stop.term',
  'stop.whole',
  'stop.before-launch',
  'stop.unavailable',
  'extend.refused',
  'session.found',
]);

describeUnless(missingForSlurm(), 'a real cluster', () => {
  let cluster: SlurmCluster;
  beforeAll(async () => {
    cluster = await startSlurmCluster([jobUser]);
  }, 900_000);
  afterAll(() => cluster?.down(), 120_000);

  const differences = {
    taken_ports:
      'A job ends, and its session with it, as soon as another account of its node listens on its port; faults.test.ts takes one.',
    launch_keys: 'Unknown launches are looked for with the tools of the cluster.',
    push: 'Slurm reports nothing by itself: the server asks once for all jobs.',
    memory_limit:
      'The kernel ends the process that takes too much; the rest of the job goes on, and Slurm 22.05 says OUT_OF_MEMORY at its end.',
  };
  // Side by side: most of them wait for the cluster.
  const runner = { describe: describe.concurrent, test: test.concurrent };
  testAdapter(runner, resourceSuite, { name: 'resource-slurm', open: () => openSlurmWorld(cluster), differences });
  const byRest = { name: 'resource-slurm by slurmrestd', open: () => openSlurmWorld(cluster, 6820), differences };
  const guarantees = resourceSuite.guarantees.filter(({ id }) => process.env.UWS_LONG || asksTheCluster.has(id));
  testAdapter(runner, { ...resourceSuite, guarantees }, byRest);
});
