import { mkdir } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import type { Resource } from '@user-workspaces/contract';
import { AdapterError } from '@user-workspaces/contract';
import type { CommandLineOptions } from './command-line/run.js';
import { CommandLine } from './command-line/transport.js';
import type { GatewayOptions } from './gateway/options.js';
import { Gateway } from './gateway/transport.js';
import type { JobDefaults } from './job-options.js';
import { NodeAddresses } from './node-addresses.js';
import type { Step } from './parts.js';
import { Ports } from './ports.js';
import { Records } from './records.js';
import { SlurmResource } from './resource.js';
import type { RestOptions } from './rest/client.js';
import { Rest } from './rest/transport.js';

export interface SlurmResourceOptions extends JobDefaults {
  readonly name: string;
  /** Absolute path of a directory of the server's own; replicas share it. Made where missing. */
  readonly recordsDirectory: string;
  /** How Slurm's commands are run; beside {@link rest} these are `sacct` and `scontrol show config` alone. */
  readonly commandLine?: CommandLineOptions;
  /** Asks slurmrestd instead of Slurm's commands. */
  readonly rest?: RestOptions;
  /** Asks a site's gateway to the cluster instead of Slurm's commands. */
  readonly gateway?: GatewayOptions;
  /** Shown in addresses of sessions before their node is known. @default the name */
  readonly sessionHost?: string;
  /** Addresses under which the server reaches nodes, by their names in Slurm. @default what Slurm says (NodeAddr) */
  readonly nodeAddresses?: Readonly<Record<string, string>>;
  /** Ports that sessions get. Below what the nodes' systems give out by themselves. @default [20000, 32000] */
  readonly sessionPorts?: readonly [from: number, to: number];
  /**
   * Called with `<name>:before` and `<name>:after` around each outside effect, such as `launch.submit`, and awaited: there a crash test ends the process, or
   * lets the call stand still for ever.
   */
  readonly steps?: (name: string) => void | Promise<void>;
}

/**
 * Makes the resource that runs jobs on a Slurm cluster, by Slurm's own commands, by slurmrestd or by a site's gateway.
 *
 * @throws AdapterError `misconfigured`, naming the option.
 *
 * @example
 * const resource = await createSlurmResource({ name: 'cluster', recordsDirectory: '/var/lib/user-workspaces/cluster' });
 */
export async function createSlurmResource(options: SlurmResourceOptions): Promise<Resource> {
  const { name, recordsDirectory, sessionPorts = [20_000, 32_000], nodeAddresses = {} } = options;
  if (!isAbsolute(recordsDirectory)) {
    throw new AdapterError('misconfigured', `The records directory "${recordsDirectory}" is not an absolute path.`, {
      field: 'recordsDirectory',
    });
  }
  const [from, to] = sessionPorts;
  if (!Number.isInteger(from) || !Number.isInteger(to) || from < 1024 || to > 65535 || from > to) {
    throw new AdapterError('misconfigured', `The ports of sessions must lie in 1024..65535; they are ${from}..${to}.`, {
      field: 'sessionPorts',
    });
  }
  await mkdir(recordsDirectory, { recursive: true, mode: 0o700 });
  const step: Step = async (stepName, effect) => {
    await options.steps?.(`${stepName}:before`);
    const answer = await effect();
    await options.steps?.(`${stepName}:after`);
    return answer;
  };
  const records = new Records(recordsDirectory);
  const commandLine = new CommandLine(options.commandLine ?? {});
  const transport = options.gateway
    ? new Gateway(options.gateway)
    : options.rest
      ? new Rest(options.rest, commandLine)
      : commandLine;
  return new SlurmResource({
    name,
    sessionHost: options.sessionHost ?? name,
    transport,
    records,
    ports: new Ports(records, sessionPorts),
    addresses: new NodeAddresses(transport, new Map(Object.entries(nodeAddresses))),
    defaults: options,
    extend: options.gateway === undefined,
    step,
  });
}
