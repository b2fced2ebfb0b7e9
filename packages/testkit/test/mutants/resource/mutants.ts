import { readFileSync } from 'node:fs';
import type {
  Launched,
  LaunchReference,
  LaunchSpecification,
  LogChunk,
  Observation,
  Resource,
} from '@user-workspaces/contract';
import type { ResourceWorld } from '@user-workspaces/testkit';
import { isRoot } from '../../../../resource-local/test/support.js';
import { openLocalWorld } from '../../../../resource-local/test/world.js';
import type { Mutant } from '../mutants.js';

/** The shipped resource with some calls replaced. */
function altered(resource: Resource, changes: Partial<Resource>): Resource {
  return {
    name: resource.name,
    kind: resource.kind,
    capabilities: resource.capabilities,
    sessionHost: resource.sessionHost,
    launch: (specification, signal) => resource.launch(specification, signal),
    observe: (launches, signal) => resource.observe(launches, signal),
    watch: (changed, signal) => resource.watch(changed, signal),
    stop: (launch, graceMs, signal) => resource.stop(launch, graceMs, signal),
    extend: (launch, minutes, signal) => resource.extend(launch, minutes, signal),
    logs: (launch, range, signal) => resource.logs(launch, range, signal),
    forget: (launch, signal) => resource.forget(launch, signal),
    check: (signal) => resource.check(signal),
    close: () => resource.close(),
    ...changes,
  };
}

const opening = (alter: (resource: Resource) => Partial<Resource>) => () =>
  openLocalWorld({}, (resource) => altered(resource, alter(resource)));

/** Changes each observation. */
function observing(change: (observation: Observation, launch: LaunchReference) => Observation) {
  return opening((resource) => ({
    async observe(launches, signal) {
      const answers = new Map(await resource.observe(launches, signal));
      for (const launch of launches) {
        const answer = answers.get(launch.launchKey);
        if (answer) answers.set(launch.launchKey, change(answer, launch));
      }
      return answers;
    },
  }));
}

const launching = (change: (specification: LaunchSpecification) => LaunchSpecification) =>
  opening((resource) => ({ launch: (specification, signal) => resource.launch(change(specification), signal) }));

const otherKey = (launchKey: string) => launchKey.replace(/^./, (digit) => (digit === 'f' ? '0' : 'f'));

/** The report of a job, as it is in its directory. */
function reportOf({ workspacePath, jobId }: LaunchReference): string[] {
  try {
    return readFileSync(`${workspacePath}/.${jobId}/session`, 'utf8').trim().split(' ');
  } catch {
    return [];
  }
}

export const resourceMutants: readonly Mutant<ResourceWorld>[] = [
  {
    fault: 'launches again when a key is repeated',
    open: opening((resource) => ({
      async launch(specification, signal): Promise<Launched> {
        const { launchKey } = specification;
        const isRepeated = answered.has(launchKey);
        const launched = await resource.launch(specification, signal);
        answered.add(launchKey);
        if (isRepeated) await resource.launch({ ...specification, launchKey: otherKey(launchKey) });
        return launched;
      },
    })),
    breaks: ['launch.once', 'launch.lost-answer', 'launch.crash'],
  },
  {
    fault: 'forgets the launches of the server before it',
    open: opening((resource) => {
      const own = new Set<string>();
      return {
        launch(specification, signal) {
          own.add(specification.launchKey);
          return resource.launch(specification, signal);
        },
        async observe(launches, signal) {
          const answers = new Map(await resource.observe(launches, signal));
          for (const [launchKey, { kind }] of answers) {
            if (kind === 'ended' && !own.has(launchKey)) answers.set(launchKey, { kind: 'absent' });
          }
          return answers;
        },
      };
    }),
    breaks: [
      'observe.every',
      'observe.unknown',
      'observe.found-stays',
      'stop.repeat',
      'stop.crash',
      'limit.time',
      'server.end',
    ],
  },
  {
    fault: 'takes unknown for gone',
    open: observing((observation) => (observation.kind === 'unknown' ? { kind: 'absent' } : observation)),
    breaks: ['observe.unknown'],
  },
  {
    fault: 'tells GPU hours of a running job, and at its end that there were none',
    open: observing((observation) =>
      observation.kind === 'running'
        ? { ...observation, gpuHours: 1 }
        : observation.kind === 'ended'
          ? { ...observation, gpuHours: 0 }
          : observation,
    ),
    breaks: ['observe.states'],
  },
  {
    fault: 'throws when the back end cannot be asked for observations',
    open: opening((resource) => ({
      async observe(launches, signal) {
        const answers = await resource.observe(launches, signal);
        for (const answer of answers.values()) if (answer.kind === 'unknown') throw new Error(answer.reason);
        return answers;
      },
    })),
    breaks: ['observe.unknown'],
  },
  {
    fault: 'answers for the first references only',
    open: opening((resource) => ({ observe: (launches, signal) => resource.observe(launches.slice(0, 100), signal) })),
    breaks: ['observe.one-request'],
  },
  {
    fault: 'leaves behind what has a session of its own',
    open: () =>
      openLocalWorld({ isolation: 'marker' }, (resource) =>
        altered(resource, {
          // Without its mark a process that leaves its parent is not found.
          launch: ({ command: [program, ...words], ...specification }, signal) =>
            resource.launch(
              {
                ...specification,
                command: [program, ...words.map((word) => word.replaceAll('setsid ', 'env -u UWS_LAUNCH_KEY setsid '))],
              },
              signal,
            ),
        }),
      ),
    breaks: ['stop.whole'],
  },
  {
    fault: 'kills without a grace',
    open: opening((resource) => ({ stop: (launch, _graceMs, signal) => resource.stop(launch, 0, signal) })),
    breaks: ['stop.term', 'stop.kill', 'stop.clock'],
  },
  {
    fault: 'counts the grace from the last call',
    // Since that call no time has passed, so that the grace is never over.
    open: opening((resource) => ({
      stop: (launch, graceMs, signal) => resource.stop(launch, graceMs === 0 ? 0 : 1e9, signal),
    })),
    breaks: ['stop.kill'],
  },
  {
    fault: 'counts the grace by the time of day',
    open: opening((resource) => {
      const firstAtMs = new Map<string, number>();
      return {
        async stop(launch, graceMs, signal) {
          const first = firstAtMs.get(launch.launchKey) ?? Date.now();
          firstAtMs.set(launch.launchKey, first);
          const isOver = firstAtMs.has(launch.launchKey) && Date.now() - first >= graceMs;
          await resource.stop(launch, isOver ? 0 : 1e9, signal);
        },
      };
    }),
    breaks: ['stop.clock'],
  },
  {
    fault: 'lets a key be launched that was stopped before',
    open: opening((resource) => ({
      async stop(launch, graceMs, signal) {
        signal?.throwIfAborted();
        const { kind = 'absent' } = (await resource.observe([launch])).get(launch.launchKey) ?? {};
        if (kind !== 'absent') await resource.stop(launch, graceMs, signal);
      },
    })),
    breaks: ['stop.before-launch', 'stop.race'],
  },
  {
    fault: 'does not hear that a caller went away',
    open: opening((resource) => ({
      launch: (specification) => resource.launch(specification),
      observe: (launches) => resource.observe(launches),
      stop: (launch, graceMs) => resource.stop(launch, graceMs),
      extend: (launch, minutes) => resource.extend(launch, minutes),
      forget: (launch) => resource.forget(launch),
      check: () => resource.check(),
    })),
    breaks: [
      'launch.aborted',
      'observe.aborted',
      'stop.aborted',
      'extend.refused',
      'forget.unknown',
      'check.connected',
    ],
  },
  {
    fault: 'loses the exit code',
    open: observing((observation) =>
      observation.kind === 'ended' && observation.cause === 'exited' ? { ...observation, exitCode: 0 } : observation,
    ),
    breaks: ['end.exit-code', 'end.signal', 'observe.found-stays'],
  },
  {
    fault: 'tells a signal as an exit code',
    open: observing((observation) =>
      observation.kind === 'ended' && observation.cause === 'exited' && observation.signal !== null
        ? { ...observation, exitCode: 128, signal: null }
        : observation,
    ),
    breaks: ['end.signal'],
  },
  {
    fault: 'runs jobs for root under another name',
    open: opening((resource) => ({
      launch: ({ account, ...specification }, signal) =>
        resource.launch(
          { ...specification, account: account.uid === 0 || account.gid === 0 ? substitute : account },
          signal,
        ),
    })),
    breaks: ['launch.never-root'],
  },
  {
    fault: 'lets a shell read the command',
    // What is no more than a script, as most commands of the suite, would not reach its own shell any more, and no session would be served.
    open: launching(({ command, ...specification }) => ({
      ...specification,
      command: command.length > 5 && !specification.session ? ['/bin/sh', '-c', command.join(' ')] : command,
    })),
    breaks: ['launch.command'],
  },
  {
    fault: "gives jobs the server's environment",
    open: launching((specification) => ({
      ...specification,
      environment: { ...specification.environment, ...serverEnvironment() },
    })),
    breaks: ['launch.environment'],
  },
  {
    fault: 'counts positions of a tail from its beginning',
    open: opening((resource) => ({
      async *logs(launch, range, signal): AsyncGenerator<LogChunk> {
        let first: number | undefined;
        for await (const { offsetBytes, content } of resource.logs(launch, range, signal)) {
          first ??= 'tailBytes' in range ? offsetBytes : 0;
          yield { offsetBytes: offsetBytes - first, content };
        }
      },
    })),
    breaks: ['logs.positions', 'logs.follow'],
  },
  {
    fault: 'does not follow the output',
    open: opening((resource) => ({
      logs: (launch, range, signal) => resource.logs(launch, { ...range, follow: false }, signal),
    })),
    breaks: ['logs.follow', 'logs.aborted'],
  },
  {
    fault: 'keeps the output of what it forgets',
    open: opening((resource) => ({
      async forget(launch, signal) {
        for await (const chunk of resource.logs(launch, { fromByte: 0, follow: false })) {
          outputs.set(launch.launchKey, { ...chunk, content: chunk.content.slice() });
        }
        await resource.forget(launch, signal);
      },
      async *logs(launch, range, signal): AsyncGenerator<LogChunk> {
        yield* resource.logs(launch, range, signal);
        const kept = outputs.get(launch.launchKey);
        if (kept) yield kept;
      },
    })),
    breaks: ['forget.ended', 'forget.crash'],
  },
  {
    fault: 'forgets what is running',
    open: opening((resource) => {
      return {
        async forget(launch, signal) {
          signal?.throwIfAborted();
          hidden.add(launch.launchKey);
          await resource.forget(launch, signal).catch(() => undefined);
        },
        async observe(launches, signal) {
          const answers = new Map(await resource.observe(launches, signal));
          for (const key of answers.keys()) if (hidden.has(key)) answers.set(key, { kind: 'absent' });
          return answers;
        },
      };
    }),
    breaks: ['forget.running'],
  },
  {
    fault: 'ignores the time limit',
    open: launching(({ limits: { timeLimitMinutes: _none, ...limits }, ...specification }) => ({
      ...specification,
      limits,
    })),
    breaks: ['limit.time'],
  },
  {
    fault: 'tells the end of memory as an exit',
    open: observing((observation) =>
      observation.kind === 'ended' && observation.cause === 'memory_limit'
        ? { ...observation, cause: 'exited' }
        : observation,
    ),
    breaks: ['limit.memory'],
  },
  {
    fault: 'believes a report without looking at its secret',
    open: opening((resource) => ({
      observe: (launches, signal) =>
        resource.observe(
          launches.map((launch) => {
            const [secret] = reportOf(launch);
            return launch.session && secret ? { ...launch, session: { secret } } : launch;
          }),
          signal,
        ),
    })),
    breaks: ['session.secret'],
  },
  {
    fault: "gives away a port that is not the job's own",
    open: observing((observation, launch) => {
      if (observation.kind !== 'running' || !observation.sessionProblem?.includes('belongs to another'))
        return observation;
      const { sessionProblem: _none, ...rest } = observation;
      return { ...rest, session: { host: '127.0.0.1', port: Number(reportOf(launch)[1]), path: '/' } };
    }),
    breaks: ['session.own-port'],
  },
  {
    fault: 'finds a launch by its key alone, and not with its handle',
    open: opening((resource) => ({
      async observe(launches, signal) {
        const answers = new Map(await resource.observe(launches, signal));
        for (const { launchKey, handle } of launches) if (handle !== null) answers.set(launchKey, { kind: 'absent' });
        return answers;
      },
    })),
    breaks: ['launch.handle'],
  },
  {
    fault: 'stops no launch of which it is told the handle',
    open: opening((resource) => ({
      stop: async (launch, graceMs, signal) =>
        launch.handle === null ? resource.stop(launch, graceMs, signal) : undefined,
    })),
    breaks: ['launch.handle'],
  },
  {
    fault: 'never reports a change',
    open: opening(() => ({ watch: () => undefined })),
    breaks: ['watch.changes', 'watch.ends'],
  },
  {
    fault: 'does not end a watch',
    open: opening((resource) => ({
      watch: (changed, signal) => {
        if (!signal.aborted) resource.watch(changed, new AbortController().signal);
      },
    })),
    breaks: ['watch.ends'],
  },
  {
    fault: 'ends its jobs with the server',
    open: opening((resource) => {
      const own: LaunchReference[] = [];
      return {
        launch(specification, signal) {
          own.push({ ...specification, handle: null });
          return resource.launch(specification, signal);
        },
        async close() {
          for (const launch of own) await resource.stop(launch, 0);
          await resource.close();
        },
      };
    }),
    breaks: ['server.end', 'limit.time'],
  },
  ...(isRoot
    ? [
        {
          fault: 'runs jobs under another account',
          // Both accounts may write to the workspace: which one does is what the guarantee asks.
          open: async () => {
            const world = await openLocalWorld({}, (resource) =>
              altered(resource, {
                launch: ({ account, ...specification }, signal) =>
                  resource.launch(
                    { ...specification, account: account.uid === 12345 ? { ...account, uid: 12347 } : account },
                    signal,
                  ),
              }),
            );
            const { chmod } = await import('node:fs/promises');
            await chmod(world.workspacePath, 0o777);
            return world;
          },
          breaks: ['launch.account', 'launch.files'],
        },
      ]
    : []),
];

/** Keys whose launch was answered. */
const answered = new Set<string>();
const hidden = new Set<string>();
const outputs = new Map<string, LogChunk>();
const substitute = isRoot ? { name: 'alice', uid: 12345, gid: 12346 } : { name: 'alice', uid: null, gid: null };

/** What of this process's environment a job can be given. */
function serverEnvironment(): Record<string, string> {
  const secrets = Object.entries(process.env).filter(([name]) => name.startsWith('UWS_TESTKIT_'));
  return Object.fromEntries(secrets.map(([name, value = '']) => [name, value]));
}
