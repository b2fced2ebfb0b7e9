import type { Suite } from '../../guarantee.js';
import { clockGuarantees } from './clock.js';
import { conditionGuarantees } from './conditions.js';
import { faultGuarantees } from './faults.js';
import { idGuarantees } from './ids.js';
import { lostCommitGuarantees } from './lost-commits.js';
import { processGuarantees } from './processes.js';
import { transactionGuarantees } from './transactions.js';
import { valueGuarantees } from './values.js';
import type { DatabaseCapability, DatabaseWorld } from './world.js';
import { writingGuarantees } from './writing.js';

/** What every database must do, whatever keeps its rows. */
export const databaseSuite: Suite<DatabaseWorld, DatabaseCapability> = {
  contract: 'Database',
  capabilities: {
    replicas: 'Several server processes may use the database at once.',
    programs: 'The suite can have another program use the database, and kill it.',
    fullDisk: 'The suite can fill the disk that the database is on.',
    lostCommits: 'The suite can break the connection to the database, at a commit too.',
    clock: 'The database tells the time by a clock of its own (`nowMs`); otherwise all servers run on one machine.',
  },
  guarantees: [
    ...processGuarantees,
    ...valueGuarantees,
    ...conditionGuarantees,
    ...writingGuarantees,
    ...idGuarantees,
    ...transactionGuarantees,
    ...faultGuarantees,
    ...lostCommitGuarantees,
    ...clockGuarantees,
  ],
};
