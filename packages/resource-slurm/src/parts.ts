import type { JobDefaults } from './job-options.js';
import type { NodeAddresses } from './node-addresses.js';
import type { Ports } from './ports.js';
import type { Records } from './records.js';
import type { Transport } from './transport.js';

/** Runs an effect on the outside between two marks of its name. */
export type Step = <T>(name: string, effect: () => Promise<T>) => Promise<T>;

/** The parts of a Slurm resource, as `createSlurmResource` puts them together. */
export interface SlurmResourceParts {
  readonly name: string;
  readonly sessionHost: string;
  readonly transport: Transport;
  readonly records: Records;
  readonly ports: Ports;
  readonly addresses: NodeAddresses;
  readonly defaults: JobDefaults;
  /** Whether the cluster can be asked to change time limits. */
  readonly extend: boolean;
  readonly step: Step;
}
