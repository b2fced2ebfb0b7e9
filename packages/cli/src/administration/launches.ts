import { AdapterError } from '@user-workspaces/contract';
import type { UnknownLaunch } from '@user-workspaces/server/administration';
import { Command } from 'commander';
import type { CommonOptions, Perform } from './perform.js';
import { renderTable, timeText } from './table.js';

/** `uws admin launches …` */
export function launchesCommand(perform: Perform): Command {
  const list = new Command('list')
    .description('Launches on this machine that no job of the database knows, as after a backup was restored.')
    .action((options: CommonOptions) =>
      perform(
        options,
        async ({ context, rules, localResources }) => rules.listLaunches(context, await localResources()),
        ({ launches }) =>
          renderTable(
            ['LAUNCH KEY', 'RESOURCE', 'STATE', 'PROCESS', 'BEGAN (UTC)'],
            launches.map((launch) => [
              launch.launch_key,
              launch.resource,
              launch.state,
              launch.resource_job_id === null ? '' : String(launch.resource_job_id),
              timeText(launch.datetime_started),
            ]),
          ),
      ),
    );
  const end = new Command('end')
    .description('End such launches, and remove what is kept of them, their output included.')
    .argument('[keys...]', 'launch keys, as "list" shows them')
    .option('--all', 'all of them; make sure first that the configured database is the right one')
    .action((keys: readonly string[], options: CommonOptions & { readonly all?: true }) =>
      perform(
        options,
        async ({ context, actor, rules, localResources, stopGraceMs }) => {
          const found = await rules.findLaunches(context, await localResources());
          const chosen = choose(found, keys, options.all === true);
          for (const launch of chosen) await rules.endLaunch(context, actor, launch, stopGraceMs);
          return { ended: chosen.map(({ reference }) => reference.launchKey) };
        },
        ({ ended }) => `Ended and removed: ${ended.length}.\n`,
      ),
    );
  return new Command('launches')
    .description('Launches on this machine that no job knows.')
    .addCommand(list)
    .addCommand(end);
}

/** @throws AdapterError `invalid` */
function choose(found: readonly UnknownLaunch[], keys: readonly string[], all: boolean): readonly UnknownLaunch[] {
  if (all === keys.length > 0) {
    throw new AdapterError('invalid', 'Name the keys of the launches that are to end, or say --all.');
  }
  if (all) return found;
  return keys.map((key) => {
    const launch = found.find(({ reference }) => reference.launchKey === key);
    if (launch) return launch;
    throw new AdapterError(
      'invalid',
      `There is no launch ${key} that no job knows: "uws admin launches list" shows them, and jobs are stopped with "uws admin jobs stop".`,
    );
  });
}
