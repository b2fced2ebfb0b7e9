import type { Suite } from '../../guarantee.js';
import { launchGuarantees } from './launch.js';
import { launchKeyGuarantees } from './launch-keys.js';
import { lifetimeGuarantees } from './lifetime.js';
import { limitGuarantees } from './limits.js';
import { logGuarantees } from './logs.js';
import { observeGuarantees } from './observe.js';
import { sessionGuarantees } from './session.js';
import { stopGuarantees } from './stop.js';
import type { ResourceCapability, ResourceWorld } from './world.js';

/** Every promise of `Resource`. Its jobs are small shell programs, so that it can be tried on any machine, cluster or container engine. */
export const resourceSuite: Suite<ResourceWorld, ResourceCapability> = {
  contract: 'Resource',
  capabilities: {
    cut_off: 'The test can make the back end unreachable.',
    extend: "A running job's time limit can be raised.",
    launch_keys: 'The resource tells the keys of all launches that it keeps something of (`launchKeys`).',
    memory_limit: 'The memory limit is enforced.',
    push: 'Changes are reported by `watch`.',
    request_count: 'The test can count the requests to the back end.',
    sessions: 'Jobs can serve sessions.',
    steps: 'The test can stop the adapter between its steps.',
    taken_ports: 'The test can have somebody else listen where a session did.',
    time_limit: 'The time limit is enforced.',
  },
  guarantees: [
    ...launchGuarantees,
    ...observeGuarantees,
    ...logGuarantees,
    ...stopGuarantees,
    ...limitGuarantees,
    ...sessionGuarantees,
    ...lifetimeGuarantees,
    ...launchKeyGuarantees,
  ],
};
