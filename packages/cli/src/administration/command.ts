import { Command } from 'commander';
import { auditCommand, directoryCommand } from './audit.js';
import { clientsCommand, tokensCommand } from './clients.js';
import { jobsCommand, workspacesCommand } from './jobs.js';
import { launchesCommand } from './launches.js';
import { type Load, performer } from './perform.js';
import { usersCommand } from './users.js';

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
  const perform = performer(load, false);
  // What an operator may do before the server's first start.
  const begin = performer(load, true);
  const command = new Command('admin')
    .description('Look after users, quotas, portals, jobs and the audit log.')
    .addHelpText('after', examples)
    .addCommand(usersCommand(perform, begin))
    .addCommand(clientsCommand(perform, begin))
    .addCommand(tokensCommand(perform))
    .addCommand(jobsCommand(perform))
    .addCommand(launchesCommand(perform))
    .addCommand(workspacesCommand(perform))
    .addCommand(directoryCommand(perform))
    .addCommand(auditCommand(perform));
  for (const leaf of leaves(command)) {
    leaf
      .option('--config <file>', 'configuration file (UWS_CONFIG)')
      .option('--data-dir <path>', 'directory for everything that the server keeps (UWS_DATA_DIR)')
      .option('--json', "for programs: the data of the API's answers");
  }
  return command;
}

function leaves(command: Command): Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leaves);
}
