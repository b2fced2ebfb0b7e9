import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { LaunchSpecification } from '@user-workspaces/contract';
import { AdapterError } from '@user-workspaces/contract';
import { environmentOf, quote, requireValid } from '@user-workspaces/launch';
import type { Cgroups } from './cgroups.js';
import { type Identity, identityOf } from './identity.js';
import { type Launch, type Launches, marker, type Step } from './launches.js';
import { logCap } from './logs.js';
import type { Records } from './records.js';
import type { Sessions } from './sessions.js';
import { startScript } from './start-script.js';
import type { LaunchRecord, LaunchState } from './state.js';
import { type Isolation, supervisorPath } from './system.js';

/** How long a supervisor may take to say that it is there. */
const claimTimeoutMs = 10_000;
/** Between TERM and KILL when the time limit is reached. */
const graceSeconds = 10;

const supervisorScript = fileURLToPath(new URL('../supervisor/supervise.sh', import.meta.url));

/** Records launches and spawns their supervisors. */
export class Launcher {
  constructor(
    private readonly records: Records,
    private readonly launches: Launches,
    private readonly sessions: Sessions,
    private readonly step: Step,
    private readonly machine: {
      readonly serverUid: number;
      readonly sh: string;
      readonly host: string;
      readonly isolation: Isolation;
      readonly cgroups: Cgroups;
      /** Processors to choose from where no group limits them; empty where there is no `taskset` either. */
      readonly pinnable: readonly number[];
      /** Open descriptors of this process that no job may get. */
      readonly inherited: readonly number[];
    },
  ) {}

  /**
   * Starts a launch unless it was started before, and returns what is recorded of it. The record is made in one step and first; then
   * a supervisor is spawned whenever none has claimed the launch yet: of several one alone goes on.
   */
  async launch(specification: LaunchSpecification): Promise<LaunchState> {
    requireValid(specification);
    const identity = identityOf(specification.account, this.machine.serverUid);
    const { launchKey } = specification;
    let launch = await this.launches.look(launchKey);
    if (launch.phase === 'absent') {
      await this.step('launch.record', () => this.record(specification, identity));
      launch = await this.launches.look(launchKey);
    }
    if (launch.phase === 'unclaimed') {
      if (!launch.state.record || launch.state.stoppedAtUptimeSeconds !== undefined) {
        throw new AdapterError('conflict', 'The job was stopped before it was launched, and is not launched any more.');
      }
      await this.step('launch.spawn', () => this.spawnSupervisor(launchKey));
      launch = await this.waitUntil(launchKey, claimTimeoutMs, isNamed);
    } else launch = await this.waitUntil(launchKey, claimTimeoutMs, isNamed);
    if (!isNamed(launch) || launch.phase === 'absent') {
      throw new AdapterError('unavailable', 'The supervisor of the job did not answer in time.', {
        details: { launchKey },
      });
    }
    return launch.state;
  }

  /** Looks at a launch until it is as wished or the time is up; returns the last look. */
  async waitUntil(launchKey: string, timeoutMs: number, accept: (launch: Launch) => boolean): Promise<Launch> {
    const deadlineMs = performance.now() + timeoutMs;
    for (let pauseMs = 2; ; pauseMs = Math.min(pauseMs * 1.5, 50)) {
      const launch = await this.launches.look(launchKey);
      if (accept(launch) || performance.now() >= deadlineMs) return launch;
      await sleep(pauseMs);
    }
  }

  private async record(specification: LaunchSpecification, identity: Identity): Promise<void> {
    const { launchKey, limits, session } = specification;
    const { serverUid, host, isolation, cgroups } = this.machine;
    const plan = cgroups.plan(launchKey, limits);
    const port = session ? await this.sessions.assignPort(launchKey) : null;
    const record: LaunchRecord = {
      launchKey,
      jobId: specification.jobId,
      workspacePath: specification.workspacePath,
      uid: identity?.uid ?? serverUid,
      cpus: limits.cpus ?? null,
      memoryMb: limits.memoryMb ?? null,
      port,
      isolation,
      cgroups: plan.directories,
      oomFile: plan.oomFile,
      bootId: this.records.bootId,
    };
    // Read by root's shell: numbers and words of our own, nothing of the specification's texts.
    const shellPlan = {
      key: launchKey,
      isolation,
      uid: String(identity?.uid ?? ''),
      gid: String(identity?.gid ?? ''),
      limit_seconds:
        limits.timeLimitMinutes === undefined ? '' : String(Math.max(1, Math.ceil(limits.timeLimitMinutes * 60))),
      grace_seconds: String(graceSeconds),
      cgroups: plan.directories.join(' '),
      oom_file: plan.oomFile ?? '',
      pin: this.pin(launchKey, limits.cpus),
      log_most_bytes: String(logCap.mostBytes),
      log_kept_bytes: String(logCap.keptBytes),
    };
    const [markerName = '', markerValue = ''] = marker(launchKey).split('=');
    const environment = {
      ...environmentOf(specification, { shell: existsSync('/bin/bash') ? '/bin/bash' : '/bin/sh', host, port }),
      ...(isolation === 'marker' && { [markerName]: markerValue }),
    };
    const files = {
      'launch.json': `${JSON.stringify(record)}\n`,
      plan: Object.entries(shellPlan)
        .map(([name, value]) => `${name}=${quote(value)}\n`)
        .join(''),
      settings: plan.settings.map(([file, value]) => `${file} ${value}\n`).join(''),
      start: startScript(specification, environment),
      log: '',
      // Written over when there is something to say: what has its place on the disk can be told also where the disk is full.
      preparation: '\n',
      signal: '\n',
    };
    const isFirst = await this.records.create(launchKey, files, identity?.uid);
    if (!isFirst) this.sessions.release(launchKey);
  }

  /** The command that ties a job to some processors, chosen by its key; empty where a group limits it or it may use all. */
  private pin(launchKey: string, cpus: number | undefined): string {
    const { cgroups, pinnable } = this.machine;
    if (cpus === undefined || cgroups.limitsCpu || cpus >= pinnable.length) return '';
    const first = Number.parseInt(launchKey.slice(0, 8), 16);
    const chosen = Array.from({ length: Math.ceil(cpus) }, (_, index) => pinnable[(first + index) % pinnable.length]);
    return `taskset -c ${chosen.join(',')}`;
  }

  private async spawnSupervisor(launchKey: string): Promise<void> {
    const directory = this.records.directory(launchKey);
    const log = openSync(`${directory}/supervisor.log`, 'a', 0o600);
    const nothing = openSync('/dev/null', 'r+');
    const { sh, inherited } = this.machine;
    // Node leaves a descriptor that is not named as it is: only another one in its place takes it from the child.
    const others = Array.from({ length: Math.max(2, ...inherited) - 2 }, (_, index) =>
      inherited.includes(index + 3) ? nothing : ('ignore' as const),
    );
    try {
      const child = spawn(sh, [supervisorScript, directory], {
        cwd: '/',
        env: { PATH: supervisorPath },
        // A session of its own: neither Ctrl-C nor the end of the server reaches it.
        detached: true,
        stdio: ['ignore', log, log, ...others],
      });
      await new Promise<void>((resolve, reject) => {
        child.once('spawn', resolve);
        child.once('error', reject);
      });
      child.unref();
    } catch (error) {
      throw new AdapterError(
        'unavailable',
        'The supervisor of the job could not be started: the machine has no process or memory left.',
        {
          cause: error,
        },
      );
    } finally {
      closeSync(log);
      closeSync(nothing);
    }
  }
}

/** The supervisor has said who it is, or the launch is over. */
function isNamed(launch: Launch): boolean {
  if (launch.phase === 'absent' || launch.phase === 'ended') return true;
  return launch.phase !== 'unclaimed' && launch.state.supervisor !== undefined;
}
