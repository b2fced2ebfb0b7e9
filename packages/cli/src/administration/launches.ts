import { setTimeout as delay } from 'node:timers/promises';
import { AdapterError, type Resource } from '@user-workspaces/contract';
import type { UnknownLaunch } from '@user-workspaces/server/administration';
import { Command } from 'commander';
import type { OpenAdministration } from './open.js';
import type { CommonOptions, Perform } from './perform.js';
import { renderTable, timeText } from './table.js';

/** Beyond the time between TERM and KILL. */
const patienceMs = 20_000;

interface FoundLaunch extends UnknownLaunch {
  readonly resource: Resource;
}

/** `uws admin launches …` */
export function launchesCommand(perform: Perform): Command {
  const list = new Command('list')
    .description('Launches on this machine that no job of the database knows, as after a backup was restored.')
    .action((options: CommonOptions) =>
      perform(
        options,
        async (open) => ({ launches: (await findAll(open)).map(describe) }),
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
        async (open) => {
          const chosen = choose(await findAll(open), keys, options.all === true);
          for (const launch of chosen) await endLaunch(launch, open.stopGraceMs);
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

async function findAll({ context, rules, localResources }: OpenAdministration): Promise<FoundLaunch[]> {
  const found: FoundLaunch[] = [];
  for (const resource of await localResources()) {
    const unknown = await rules.findUnknownLaunches(context.database, resource);
    found.push(...unknown.map((launch) => ({ ...launch, resource })));
  }
  return found;
}

/** @throws AdapterError `invalid` */
function choose(found: readonly FoundLaunch[], keys: readonly string[], all: boolean): readonly FoundLaunch[] {
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

async function endLaunch({ resource, reference }: FoundLaunch, graceMs: number): Promise<void> {
  const deadline = performance.now() + graceMs + patienceMs;
  for (;;) {
    await resource.stop(reference, graceMs);
    const kind = (await resource.observe([reference])).get(reference.launchKey)?.kind;
    if (kind === 'ended' || kind === 'absent') break;
    if (performance.now() > deadline) {
      throw new AdapterError('unavailable', `The launch ${reference.launchKey} has not ended. Try again.`);
    }
    await delay(250);
  }
  await resource.forget(reference);
}

function describe({ resource, reference, observation }: FoundLaunch) {
  const { kind } = observation;
  const startedAtMs = kind === 'running' || kind === 'ended' ? observation.startedAtMs : null;
  return {
    launch_key: reference.launchKey,
    resource: resource.name,
    state: kind,
    resource_job_id: kind === 'absent' || kind === 'unknown' ? null : observation.resourceJobId,
    datetime_started: startedAtMs === null ? null : new Date(startedAtMs).toISOString(),
  };
}
