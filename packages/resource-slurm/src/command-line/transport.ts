import type { Health, ResourceLoad } from '@user-workspaces/contract';
import { AdapterError } from '@user-workspaces/contract';
import { allocatedGpus, gpusOf } from '../gpus.js';
import {
  type ClusterJob,
  type JobReference,
  jobPrefix,
  type Submission,
  type Transport,
  unavailable,
} from '../transport.js';
import { type CommandLineOptions, type CommandResult, lastLine, runCommand } from './run.js';

/** Of the list of what a job was allocated, which has no longest. */
const allocatedWidth = 128;
/** Columns of `squeue`, each with a width that no value passes; the name, which others choose, comes last, and may be cut off behind the length of ours. */
const columns = [
  'jobid:16',
  'state:20',
  'reason:80',
  'submittime:16',
  'starttime:16',
  'endtime:16',
  'numcpus:12',
  'exit_code:12',
  'batchhost:64',
  `tres-alloc:${allocatedWidth}`,
  'name:40',
];
const format = columns.map((column) => `${column}|`).join(',');

/** Talks to a cluster by Slurm's own commands. */
export class CommandLine implements Transport {
  constructor(private readonly options: CommandLineOptions) {}

  async list(_wanted?: unknown, signal?: AbortSignal, names: readonly string[] = []): Promise<readonly ClusterJob[]> {
    // Thousands of lines that nobody looks for would cost more than the answer.
    const only = names.length > 0 ? [`--name=${names.join(',')}`] : [];
    const words = ['squeue', '--noheader', '--all', '--states=all', ...only, `--Format=${format}`] as const;
    const { stdout } = await this.succeed(words, signal);
    return stdout.split('\n').flatMap((line) => {
      const [id, state, reason, submitted, started, ended, cpus, waitStatus, node, allocated = '', ...name] = line
        .split('|')
        .map((text) => text.trim());
      const fullName = name.slice(0, -1).join('|');
      if (!fullName.startsWith(jobPrefix)) return [];
      return [
        {
          id: Number(id),
          name: fullName,
          state: state ?? '',
          reason: reason ?? 'None',
          submittedAtMs: timeOf(submitted) ?? 0,
          startedAtMs: timeOf(started),
          endedAtMs: timeOf(ended),
          cpus: Number(cpus),
          gpus: allocatedGpus(allocated, allocatedWidth),
          waitStatus: Number(waitStatus),
          node: node === '' || node === 'n/a' ? null : (node ?? null),
        },
      ];
    });
  }

  async named(name: string): Promise<readonly ClusterJob[]> {
    return (await this.list(undefined, undefined, [name])).filter((job) => job.name === name);
  }

  async submit({ name, account, script, options }: Submission): Promise<number> {
    const words = [...options].map(([option, value]) => (value === true ? `--${option}` : `--${option}=${value}`));
    const command = [
      'sbatch',
      '--parsable',
      '--hold',
      '--no-requeue',
      `--job-name=${name}`,
      '--chdir=/',
      '--output=/dev/null',
      ...words,
    ] as const;
    const { code, stdout, stderr } = await runCommand(this.options, command, { account, input: script });
    const id = /^(\d+)/.exec(stdout)?.[1];
    if (code === 0 && id !== undefined) return Number(id);
    if (code === 0) throw unavailable(`sbatch answered "${stdout.slice(0, 100)}"`);
    const why = lastLine(stderr).replace(/^Batch job submission failed: /, '');
    throw new AdapterError('invalid', `The cluster refuses the job: ${why.replace(/\.?$/, '.')}`);
  }

  async release({ id }: JobReference): Promise<void> {
    await this.tolerate(['scontrol', 'release', String(id)]);
  }

  async signal({ id }: JobReference, signal: 'TERM' | 'KILL'): Promise<void> {
    await this.tolerate(['scancel', '--full', `--signal=${signal}`, String(id)]);
  }

  async withdraw({ id }: JobReference): Promise<void> {
    await this.tolerate(['scancel', '--state=PENDING', String(id)]);
  }

  async setTimeLimit({ id }: JobReference, minutes: number): Promise<void> {
    const { code, stderr } = await runCommand(this.options, [
      'scontrol',
      'update',
      `jobid=${id}`,
      `TimeLimit=${Math.ceil(minutes)}`,
    ]);
    if (code === 0) return;
    const why = lastLine(stderr);
    if (/access|permission/i.test(why)) {
      throw new AdapterError(
        'unsupported',
        'The cluster does not let the server change time limits: its user is no operator of Slurm.',
      );
    }
    if (saysEnded(stderr))
      throw new AdapterError('not_found', 'The job is not running any more, so its time limit cannot be changed.');
    throw new AdapterError('invalid', `The cluster refuses the new time limit: ${why}.`);
  }

  async history(ids: readonly number[], signal?: AbortSignal): Promise<readonly ClusterJob[] | null> {
    const fields = 'JobIDRaw,State,ExitCode,Submit,Start,End,AllocCPUS,AllocTRES,NodeList,Reason,JobName';
    const words = [
      'sacct',
      '--noheader',
      '--parsable2',
      '--duplicates',
      '--allocations',
      '--allusers',
      '--starttime=1970-01-02',
      `--jobs=${ids.join(',')}`,
      `--format=${fields}`,
    ] as const;
    const { code, stdout, stderr } = await runCommand(this.options, words, { signal });
    if (code !== 0 && /accounting storage is disabled/i.test(stderr)) return null;
    if (isMissing({ code, stdout, stderr })) return null;
    if (code !== 0) throw unavailable(`sacct: ${lastLine(stderr)}`);
    return stdout.split('\n').flatMap((line) => {
      const [id, state = '', exit = '0:0', submitted, started, ended, cpus, allocated, node, reason = 'None', ...name] =
        line.split('|');
      const fullName = name.join('|');
      if (!fullName.startsWith(jobPrefix)) return [];
      const [code = 0, signalNumber = 0] = exit.split(':').map(Number);
      return [
        {
          id: Number(id),
          name: fullName,
          // "CANCELLED by 1001"
          state: state.split(' ')[0] ?? '',
          reason,
          submittedAtMs: timeOf(submitted) ?? 0,
          startedAtMs: timeOf(started),
          endedAtMs: timeOf(ended),
          cpus: Number(cpus),
          gpus: allocatedGpus(allocated),
          waitStatus: code * 256 + signalNumber,
          node: node === undefined || /^$|^None/.test(node) ? null : node,
        },
      ];
    });
  }

  async listedAfterEndMs(signal?: AbortSignal): Promise<number | null> {
    const result = await runCommand(this.options, ['scontrol', 'show', 'config'], { signal });
    if (isMissing(result)) return null;
    if (result.code !== 0) throw unavailable(`scontrol: ${lastLine(result.stderr)}`);
    const seconds = /^MinJobAge\s*=\s*(\d+) sec/m.exec(result.stdout)?.[1];
    return seconds === undefined ? null : Number(seconds) * 1000;
  }

  async addresses(signal?: AbortSignal): Promise<ReadonlyMap<string, string>> {
    const { stdout } = await this.succeed(['sinfo', '--noheader', '--all', '--Node', '--format=%N|%o'], signal);
    return new Map(
      stdout.split('\n').flatMap((line): [string, string][] => {
        const [name = '', address = ''] = line.trim().split('|');
        return name === '' ? [] : [[name, address]];
      }),
    );
  }

  async ping(signal?: AbortSignal): Promise<Health> {
    const { stdout } = await runCommand(this.options, ['scontrol', 'ping'], { signal });
    const connected = /is UP/.test(stdout);
    return { connected, message: connected ? 'The cluster answers.' : "The cluster's controller does not answer." };
  }

  async load(signal?: AbortSignal): Promise<ResourceLoad> {
    const diagnosis = await this.succeed(['sdiag'], signal);
    const nodeColumns = '--Format=nodelist:64|,cpusstate:32|,gres:256|,gresused:256|';
    const states = await this.succeed(['sinfo', '--noheader', '--all', '--Node', nodeColumns], signal);
    // A node is listed with each of its partitions: allocated/idle/other/total.
    const nodes = [...new Set(states.stdout.split('\n'))].map((line) => {
      const [, cpus = '', gres = '', gresUsed = ''] = line.split('|');
      const [allocated = 0, idle = 0] = cpus.trim().split('/').map(Number);
      return { allocated, idle, gres, gresUsed };
    });
    const queuedJobs = countOf(diagnosis, 'pending');
    const runningJobs = countOf(diagnosis, 'running');
    return {
      ...(queuedJobs !== undefined && { queuedJobs }),
      ...(runningJobs !== undefined && { runningJobs }),
      cpus: nodes.reduce(
        ({ total, free }, { allocated, idle }) => ({ total: total + allocated + idle, free: free + idle }),
        { total: 0, free: 0 },
      ),
      gpus: gpusOf(nodes.filter(({ allocated, idle }) => allocated + idle > 0)),
    };
  }

  /** Runs what must answer. */
  private async succeed(command: readonly [string, ...string[]], signal?: AbortSignal): Promise<CommandResult> {
    const result = await runCommand(this.options, command, { signal });
    if (result.code !== 0) throw unavailable(`${command[0]}: ${lastLine(result.stderr)}`);
    return result;
  }

  /** Runs what is done already when the job has ended or is past that state. */
  private async tolerate(command: readonly [string, ...string[]]): Promise<void> {
    const { code, stderr } = await runCommand(this.options, command);
    if (code === 0 || saysEnded(stderr)) return;
    throw unavailable(`${command[0]}: ${lastLine(stderr)}`);
  }
}

/** Where slurmrestd does the rest, there may be no commands. */
function isMissing({ code, stderr }: CommandResult): boolean {
  return code === 127 && /no such file|not found/i.test(stderr);
}

/** Versions of `sdiag` that do not count jobs leave the lines out. */
function countOf({ stdout }: CommandResult, state: 'pending' | 'running'): number | undefined {
  const count = new RegExp(`^Jobs ${state}:\\s*(\\d+)$`, 'm').exec(stdout)?.[1];
  return count === undefined ? undefined : Number(count);
}

function saysEnded(stderr: string): boolean {
  return /invalid job id|already completing|already completed|no longer pending|not pending|transition|already finished|is already done/i.test(
    stderr,
  );
}

/** Milliseconds of a time that Slurm gives in seconds, `null` for one that is not set. */
function timeOf(text: string | undefined): number | null {
  return text !== undefined && /^[1-9]\d*$/.test(text) ? Number(text) * 1000 : null;
}
