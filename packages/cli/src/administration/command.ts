import { Command } from 'commander';
import type { LoadedConfiguration } from '../configuration/configuration.js';
import { auditCommand, directoryCommand } from './audit.js';
import { clientsCommand, tokensCommand } from './clients.js';
import { jobsCommand, workspacesCommand } from './jobs.js';
import type { OpenAdministration } from './open.js';
import { usersCommand } from './users.js';

/** Options of every command of administration. */
export interface CommonOptions {
  readonly config?: string;
  readonly dataDir?: string;
  readonly json?: true;
}

/** Loads the configuration, opens the database, does the work, and prints what came of it: as text for people or as JSON. */
export type Perform = <R>(
  options: CommonOptions,
  work: (open: OpenAdministration) => Promise<R>,
  text: (result: R) => string,
) => Promise<void>;

type Load = (options: Readonly<Record<string, string | undefined>>) => Promise<LoadedConfiguration>;

const examples = `
Works on the configured database, beside running servers or without them; they notice within five seconds.

Examples:
  uws admin users set-role ada administrator     make the first administrator, who has signed in before
  uws admin users add ada --email ada@example.org --administrator
  uws admin users set-quota bob --disk-space 20G --active-jobs 2 --core-hours default
  uws admin users deactivate bob --stop-jobs
  uws admin jobs list --status running --json
  uws admin audit --action sign_in --outcome refused`;

/** `uws admin`: what administrators do, from a terminal on the server's host. */
export function adminCommand(load: Load): Command {
  const performer =
    (mayBegin: boolean): Perform =>
    async ({ config, dataDir, json }, work, text) => {
      const loaded = await load({ config, data_dir: dataDir });
      const { withAdministration } = await import('./open.js');
      const result = await withAdministration(loaded, mayBegin, work);
      process.stdout.write(json ? `${JSON.stringify(result, null, 2)}\n` : text(result));
    };
  const perform = performer(false);
  // What an operator may do before the server's first start.
  const begin = performer(true);
  const command = new Command('admin')
    .description('Look after users, quotas, portals, jobs and the audit log.')
    .addHelpText('after', examples)
    .addCommand(usersCommand(perform, begin))
    .addCommand(clientsCommand(perform, begin))
    .addCommand(tokensCommand(perform))
    .addCommand(jobsCommand(perform))
    .addCommand(workspacesCommand(perform))
    .addCommand(directoryCommand(perform))
    .addCommand(auditCommand(perform));
  for (const leaf of leaves(command)) {
    leaf
      .option('--config <file>', 'configuration file (UWS_CONFIG)')
      .option('--data-dir <path>', 'directory for everything that the server keeps (UWS_DATA_DIR)')
      .option('--json', 'for programs: the shapes of the API');
  }
  return command;
}

function leaves(command: Command): Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leaves);
}
