import { setTimeout as sleep } from 'node:timers/promises';
import { AdapterError } from '@user-workspaces/contract';
import { readOomKills, removeCgroups } from './cgroups.js';
import { isAlive, type ProcessId, type ProcessStat, ProcessTable, signal, withArguments } from './processes.js';
import type { Records } from './records.js';
import type { Cause, LaunchRecord, LaunchState, Started } from './state.js';

/** Calls the steps hook around an outside effect. */
export type Step = <T>(name: string, effect: () => Promise<T>) => Promise<T>;

/** A launch as its records and the machine's processes together show it. */
export type Launch =
  | { readonly phase: 'absent' }
  /** Recorded, or stopped before it was recorded; no supervisor has claimed it. */
  | { readonly phase: 'unclaimed'; readonly state: LaunchState }
  | { readonly phase: 'pending'; readonly state: LaunchState; readonly record: LaunchRecord }
  | {
      readonly phase: 'running';
      readonly state: LaunchState;
      readonly record: LaunchRecord;
      readonly started: Started;
    }
  | {
      readonly phase: 'ended';
      readonly state: LaunchState;
      readonly record: LaunchRecord;
      readonly result: NonNullable<LaunchState['result']>;
    };

/** Variable that marks a job's processes where there are no namespaces. */
export function marker(launchKey: string): string {
  return `UWS_LAUNCH_KEY=${launchKey}`;
}

/** All living processes of a launch. */
export function processesOf(state: LaunchState, table: ProcessTable): ProcessStat[] {
  const below = state.started && isAlive(state.started.init) ? table.descendants(state.started.init) : [];
  if (state.record?.isolation !== 'marker') return below;
  // What has not come to set its environment yet is still below the first process; what has left it is marked.
  const known = new Set(below.map(({ pid }) => pid));
  return [...below, ...table.marked(marker(state.launchKey)).filter(({ pid }) => !known.has(pid))];
}

/** Processes that run a script of the supervisor for a launch. */
function supervising(launchKey: string): ProcessId[] {
  return withArguments('/supervisor/', launchKey);
}

/** Looks at launches and ends them. */
export class Launches {
  constructor(
    private readonly records: Records,
    private readonly step: Step,
  ) {}

  /** What is true of a launch now. Finishes one whose supervisor died, so that nothing of it goes on unseen. */
  async look(launchKey: string): Promise<Launch> {
    const state = await this.records.read(launchKey);
    const launch = this.judge(launchKey, state);
    if (launch !== 'orphaned') return launch;
    // The supervisor may have written its last line between our reading and our look for its process.
    const again = await this.records.read(launchKey);
    const second = this.judge(launchKey, again);
    if (second !== 'orphaned' || !again?.record) return second === 'orphaned' ? { phase: 'absent' } : second;
    await this.settle(again, again.record);
    const settled = await this.records.read(launchKey);
    const third = this.judge(launchKey, settled);
    if (third === 'orphaned') {
      throw new AdapterError('unavailable', 'What is left of a job whose supervisor died could not be ended yet.');
    }
    return third;
  }

  private judge(launchKey: string, state: LaunchState | undefined): Launch | 'orphaned' {
    if (!state) return { phase: 'absent' };
    const { record, result, supervisor, started } = state;
    if (!record) return { phase: 'unclaimed', state };
    if (result) return { phase: 'ended', state, record, result };
    // An unclaimed record of an earlier boot may have lost its claim, which is not synchronised, when the power went.
    if (!state.claimed) return record.bootId === this.records.bootId ? { phase: 'unclaimed', state } : 'orphaned';
    const supervised = supervisor
      ? supervisor.bootId === this.records.bootId && isAlive(supervisor)
      : supervising(launchKey).length > 0;
    if (!supervised) return 'orphaned';
    return started ? { phase: 'running', state, record, started } : { phase: 'pending', state, record };
  }

  /** TERM to everything of the launch; what is halted is woken to hear it. */
  async terminate(state: LaunchState): Promise<void> {
    for (const target of processesOf(state, await ProcessTable.read())) {
      if (signal(target, 'SIGTERM')) signal(target, 'SIGCONT');
    }
  }

  /** KILL to everything of the launch. With the first process of a namespace the kernel ends all the rest. */
  async kill(state: LaunchState): Promise<void> {
    if (state.record?.isolation !== 'marker') {
      if (state.started) signal(state.started.init, 'SIGKILL');
      return;
    }
    // Without a namespace new ones may appear while the others are being ended.
    for (let round = 0; round < 20; round++) {
      const found = processesOf(state, await ProcessTable.read());
      if (found.length === 0) return;
      for (const target of found) signal(target, 'SIGKILL');
      await sleep(5);
    }
  }

  /** Ends a running launch at once and records why; the first cause recorded stands. */
  async end(state: LaunchState, cause: Cause): Promise<void> {
    await this.step('end.cause', () => this.records.writeOnce(state.launchKey, 'cause', cause));
    await this.step('end.kill', () => this.kill(state));
  }

  /** Does what a killed supervisor did not live to do: ends what is left, removes the groups, writes the result. */
  private async settle(state: LaunchState, record: LaunchRecord): Promise<void> {
    const { launchKey, started } = state;
    const sameBoot = (state.supervisor?.bootId ?? record.bootId) === this.records.bootId;
    if (sameBoot) {
      if (started && isAlive(started.init)) await this.records.writeOnce(launchKey, 'cause', 'lost');
      await this.step('settle.kill', () => this.kill(state));
      const helpers = () => [
        ...(started && isAlive(started.init) ? [started.init] : []),
        // A supervisor that died before the first process had recorded itself left it nameless, but for its arguments.
        ...(started ? [] : supervising(launchKey)),
      ];
      for (let waitedMs = 0; helpers().length > 0 && waitedMs < 2000; waitedMs += 10) {
        if (!started || waitedMs > 1000) for (const helper of helpers()) signal(helper, 'SIGKILL');
        await sleep(10);
      }
      if (helpers().length > 0) return;
    }
    const oomKills = record.oomFile === null ? 0 : (readOomKills(record.oomFile) ?? 0);
    removeCgroups(record.cgroups);
    const told = (await this.records.line(launchKey, 'outcome'))?.words;
    // As in supervise.sh.
    const outcome = oomKills > 0 && told?.[0] === '0' ? ['137', 's'] : told;
    const cause = (await this.records.line(launchKey, 'cause'))?.words[0];
    if (!state.claimed) await this.records.writeOnce(launchKey, 'supervisor', '0 0 none');
    const inferred =
      oomKills > 0 ? 'memory_limit' : outcome ? 'exited' : started || !sameBoot ? 'lost' : 'launch_failed';
    const ending = cause ?? inferred;
    const killed = started && cause !== undefined ? ['137', 's'] : ['-', '-'];
    const line = [...(ending === 'lost' ? ['-', '-'] : (outcome ?? killed)), ending].join(' ');
    await this.step('settle.result', () => this.records.writeOnce(launchKey, 'result', line));
  }
}
