import { readFileSync } from 'node:fs';
import {
  AdapterError,
  type AdapterErrorKind,
  type Launched,
  type LaunchReference,
  type LaunchSpecification,
  type LogChunk,
  type Observation,
  type Resource,
  type SessionAddress,
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
    ...(resource.load && { load: (signal) => resource.load?.(signal) ?? Promise.resolve({}) }),
    launchKeys: (signal) => keysOf(resource, signal),
    close: () => resource.close(),
    ...changes,
  };
}

async function keysOf(resource: Resource, signal?: AbortSignal): Promise<readonly string[]> {
  return (await resource.launchKeys?.(signal)) ?? [];
}

/** Which launches this server has asked for, of all that its resource keeps. */
function knowingItsOwn(resource: Resource): { own: ReadonlySet<string>; launch: Resource['launch'] } {
  const own = new Set<string>();
  return {
    own,
    launch(specification, signal) {
      own.add(specification.launchKey);
      return resource.launch(specification, signal);
    },
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

/** Answers with another kind of error where the back end is away. */
async function whereAway<R>(call: Promise<R>, kind: AdapterErrorKind): Promise<R> {
  try {
    return await call;
  } catch (error) {
    throw AdapterError.is(error, 'unavailable') ? new AdapterError(kind, error.message) : error;
  }
}

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
      const { own, launch } = knowingItsOwn(resource);
      return {
        launch,
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
      'launch-keys.enough',
    ],
  },
  {
    fault: 'launches twice when calls with one key come at once',
    open: opening((resource) => {
      const underWay = new Map<string, number>();
      return {
        async launch(specification, signal): Promise<Launched> {
          const { launchKey } = specification;
          const others = underWay.get(launchKey) ?? 0;
          underWay.set(launchKey, others + 1);
          try {
            // One more is enough.
            const key = others === 1 ? otherKey(launchKey) : launchKey;
            return await resource.launch({ ...specification, launchKey: key }, signal);
          } finally {
            underWay.set(launchKey, (underWay.get(launchKey) ?? 1) - 1);
          }
        },
      };
    }),
    breaks: ['launch.at-once'],
  },
  {
    fault: 'says that a launch can never succeed while the back end is away',
    open: opening((resource) => ({
      launch: (specification, signal) => whereAway(resource.launch(specification, signal), 'invalid'),
    })),
    breaks: ['launch.unavailable'],
  },
  {
    fault: 'tells another number in its answer to a launch than later',
    open: opening((resource) => ({
      async launch(specification, signal) {
        const launched = await resource.launch(specification, signal);
        return { ...launched, resourceJobId: launched.resourceJobId + 1 };
      },
    })),
    breaks: ['launch.name'],
  },
  {
    fault: 'leaves out variables whose names are none',
    open: launching(({ environment, ...specification }) => ({
      ...specification,
      environment: Object.fromEntries(Object.entries(environment).filter(([name]) => /^\w+$/.test(name))),
    })),
    breaks: ['launch.invalid'],
  },
  {
    fault: 'says of a program that does not exist that it ended well',
    open: observing((observation) => {
      if (observation.kind !== 'ended') return observation;
      if (observation.cause !== 'launch_failed' && observation.exitCode !== 127) return observation;
      return { ...observation, cause: 'exited', exitCode: 0 };
    }),
    breaks: ['launch.failed'],
  },
  {
    fault: 'gives the first 64 KiB of an output alone',
    open: opening((resource) => ({
      async *logs(launch, range, signal): AsyncGenerator<LogChunk> {
        let left = 64 * 1024;
        for await (const { offsetBytes, content } of resource.logs(launch, range, signal)) {
          if (left > 0) yield { offsetBytes, content: content.subarray(0, left) };
          left -= content.length;
        }
      },
    })),
    breaks: ['logs.whole'],
  },
  {
    fault: 'fails when it is asked for the output of a key that was never launched',
    open: opening((resource) => {
      return {
        async *logs(launch, range, signal): AsyncGenerator<LogChunk> {
          const { kind } = (await resource.observe([launch])).get(launch.launchKey) ?? {};
          if (kind === 'absent') throw new AdapterError('not_found', 'There is no such launch.');
          yield* resource.logs(launch, range, signal);
        },
      };
    }),
    breaks: ['forget.ended', 'forget.crash', 'logs.none'],
  },
  {
    fault: 'says that a stop was delivered while the back end is away',
    open: opening((resource) => ({
      stop: (launch, graceMs, signal) =>
        resource.stop(launch, graceMs, signal).catch((error: unknown) => {
          if (!AdapterError.is(error, 'unavailable')) throw error;
        }),
    })),
    breaks: ['stop.unavailable'],
  },
  {
    fault: 'says that it raised a time limit, and does not',
    open: opening((resource) => ({
      async extend(launch, minutes, signal) {
        signal?.throwIfAborted();
        const { kind } = (await resource.observe([launch])).get(launch.launchKey) ?? {};
        if (kind !== 'running' || !Number.isFinite(minutes) || minutes <= 0)
          await resource.extend(launch, minutes, signal);
      },
    })),
    breaks: ['extend.raise'],
  },
  {
    fault: 'sends users to the base path instead of the start page',
    open: observing((observation) =>
      observation.kind === 'running' && observation.session
        ? { ...observation, session: { ...observation.session, path: '/' } }
        : observation,
    ),
    breaks: ['session.found', 'session.awaited'],
  },
  {
    fault: 'does not say that a session has not reported yet',
    open: observing((observation) => {
      if (observation.kind !== 'running' || !observation.sessionProblem?.includes('has not reported'))
        return observation;
      const { sessionProblem: _none, ...rest } = observation;
      return rest;
    }),
    breaks: ['session.awaited'],
  },
  {
    fault: 'believes a report whose path has a query',
    open: observing((observation, launch) => {
      const [, port, path] = reportOf(launch);
      if (observation.kind !== 'running' || !path?.includes('?')) return observation;
      return { ...observation, session: { host: '127.0.0.1', port: Number(port), path } };
    }),
    breaks: ['session.hostile-report'],
  },
  {
    fault: 'throws when it is asked for its health while the back end is away',
    open: opening((resource) => ({
      async check(signal) {
        const health = await resource.check(signal);
        if (!health.connected) throw new AdapterError('unavailable', health.message);
        return health;
      },
    })),
    breaks: ['check.cut-off'],
  },
  {
    fault: 'tells that more memory is free than there is',
    open: opening((resource) => ({
      load: async () => {
        const load = await resource.load?.();
        const total = load?.memoryMb?.total ?? 1;
        return { ...load, memoryMb: { total, free: total + 1 } };
      },
    })),
    breaks: ['load.figures'],
  },
  {
    fault: 'tells that less than nothing is free when there is much to do',
    open: opening((resource) => ({
      load: async () => ({ ...(await resource.load?.()), cpus: { total: 2, free: -1.5 } }),
    })),
    breaks: ['load.figures'],
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
      launchKeys: () => keysOf(resource),
    })),
    breaks: [
      'launch.aborted',
      'observe.aborted',
      'stop.aborted',
      'extend.refused',
      'forget.unknown',
      'check.connected',
      'launch-keys.aborted',
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
    breaks: ['session.own-port', 'session.taken'],
  },
  {
    fault: 'does not say that somebody else listens where a session did',
    open: observing((observation) => {
      if (observation.kind !== 'running') return observation;
      const { sessionTaken: _none, ...rest } = observation;
      return rest;
    }),
    breaks: ['session.taken'],
  },
  {
    fault: 'says of a session that does not answer that its place is taken',
    open: observing((observation) =>
      observation.kind === 'running' && observation.sessionProblem?.includes('does not listen')
        ? { ...observation, sessionTaken: true }
        : observation,
    ),
    breaks: ['session.taken'],
  },
  {
    fault: 'goes on to send people where a session was',
    open: opening((resource) => {
      const known = new Map<string, SessionAddress>();
      return {
        async observe(launches, signal) {
          const answers = new Map(await resource.observe(launches, signal));
          for (const [launchKey, answer] of answers) {
            if (answer.kind !== 'running') continue;
            const session = answer.session ?? known.get(launchKey);
            if (!session) continue;
            known.set(launchKey, session);
            answers.set(launchKey, { ...answer, session });
          }
          return answers;
        },
      };
    }),
    breaks: ['session.taken'],
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
    fault: 'does not tell the keys of launches that have ended',
    open: opening((resource) => ({
      async launchKeys(signal) {
        const keys = await keysOf(resource, signal);
        const observations = await resource.observe(keys.map(byKeyAlone), signal);
        return keys.filter((key) => observations.get(key)?.kind !== 'ended');
      },
    })),
    breaks: ['launch-keys.kept', 'launch-keys.enough', 'launch-keys.unavailable'],
  },
  {
    fault: 'tells keys that were forgotten',
    open: opening((resource) => {
      const told = new Set<string>();
      return {
        async launchKeys(signal) {
          for (const key of await keysOf(resource, signal)) told.add(key);
          return [...told];
        },
      };
    }),
    breaks: ['launch-keys.kept', 'launch-keys.enough'],
  },
  {
    fault: 'tells the keys alone that were launched by this server',
    open: opening((resource) => {
      const { own, launch } = knowingItsOwn(resource);
      return {
        launch,
        launchKeys: async (signal) => (await keysOf(resource, signal)).filter((key) => own.has(key)),
      };
    }),
    breaks: ['launch-keys.kept', 'launch-keys.enough', 'launch-keys.crash', 'launch-keys.unavailable'],
  },
  {
    fault: 'tells the keys of launches that are not its own',
    open: opening((resource) => ({
      launchKeys: async (signal) => [...(await keysOf(resource, signal)), '0123456789abcdef'.repeat(2)],
    })),
    breaks: ['launch-keys.kept', 'launch-keys.enough', 'launch-keys.unavailable'],
  },
  {
    fault: 'tells a key only once its launch was answered',
    open: () => {
      const launched = new Set<string>();
      return openLocalWorld({}, (resource) =>
        altered(resource, {
          async launch(specification, signal) {
            const answer = await resource.launch(specification, signal);
            launched.add(specification.launchKey);
            return answer;
          },
          launchKeys: async (signal) => (await keysOf(resource, signal)).filter((key) => launched.has(key)),
        }),
      );
    },
    breaks: ['launch-keys.crash'],
  },
  {
    fault: 'does not stop a launch whose account it is not told',
    open: opening((resource) => ({
      stop: async (launch, graceMs, signal) =>
        launch.account.name === '' ? undefined : resource.stop(launch, graceMs, signal),
    })),
    breaks: ['launch-keys.enough'],
  },
  {
    fault: 'does not find a launch whose workspace it is not told',
    open: observing((observation, { workspacePath }) => (workspacePath === '' ? { kind: 'absent' } : observation)),
    breaks: ['launch-keys.enough'],
  },
  {
    fault: 'says that nothing was launched while the back end is away',
    open: opening((resource) => ({
      launchKeys: (signal) =>
        keysOf(resource, signal).catch((error: unknown) => {
          if (!AdapterError.is(error, 'unavailable')) throw error;
          return [];
        }),
    })),
    breaks: ['launch-keys.unavailable'],
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

/** A launch of which no more is known than its key. */
const byKeyAlone = (launchKey: string): LaunchReference => ({
  launchKey,
  handle: null,
  account: { name: '', uid: null, gid: null },
  workspacePath: '',
  jobId: 0,
});

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
