import { spawn } from 'node:child_process';
import { basename } from 'node:path';
import type { Account } from '@user-workspaces/contract';
import { quote } from '@user-workspaces/launch';
import { unavailable } from '../transport.js';

/** How the commands of Slurm are run. */
export interface CommandLineOptions {
  /** Put before every command, such as `['ssh', 'login.example.org']` or `['timeout', '60', 'ssh', 'login.example.org']`: a word `ssh` is taken for that program. */
  readonly prefix?: readonly string[];
  /**
   * Put before the commands that an account gives, after {@link prefix}: `{account}` and `{uid}` are replaced, as in `['runuser', '-u', '{account}', '--']`.
   *
   * @default the server changes to the account's uid and gid where it is root and there is no prefix
   */
  readonly accountPrefix?: readonly string[];
  /** Path of `slurm.conf`, where it is not the usual one. */
  readonly slurmConf?: string;
  /** Directory of the commands, where they are not on the usual path. */
  readonly binDirectory?: string;
  /** How long a command may take. @default 30_000 */
  readonly timeoutMs?: number;
}

export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command of Slurm with a clean environment. @throws AdapterError `unavailable` when it cannot be run, is not done in time or cannot reach the cluster. */
export async function runCommand(
  options: CommandLineOptions,
  [program, ...words]: readonly [string, ...string[]],
  { account, input = '', signal }: { account?: Account; input?: string; signal?: AbortSignal | undefined } = {},
): Promise<CommandResult> {
  const { prefix = [], accountPrefix, slurmConf, binDirectory, timeoutMs = 30_000 } = options;
  signal?.throwIfAborted();
  const fill = (word: string) =>
    word.replaceAll('{account}', account?.name ?? '').replaceAll('{uid}', String(account?.uid ?? ''));
  const bare = [
    'env',
    // Times in seconds since 1970, whatever the zones of the machines.
    'SLURM_TIME_FORMAT=%s',
    ...(slurmConf === undefined ? [] : [`SLURM_CONF=${slurmConf}`]),
    binDirectory === undefined ? program : `${binDirectory}/${program}`,
    ...words,
  ];
  const asAccount = account ? [...(accountPrefix ?? []).map(fill), ...throughShells(accountPrefix, bare)] : bare;
  const [file = 'env', ...argv] = [...prefix, ...throughShells(prefix, asAccount)];
  const changesUser = account && accountPrefix === undefined && prefix.length === 0 && process.geteuid?.() === 0;
  const identity =
    changesUser && account.uid !== null && account.gid !== null ? { uid: account.uid, gid: account.gid } : {};
  return new Promise((resolve, reject) => {
    const child = spawn(file, argv, {
      ...identity,
      cwd: '/',
      env: { PATH: '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin', LANG: 'C.UTF-8' },
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
      stdio: 'pipe',
      ...(signal && { signal }),
    });
    const output = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
    child.stdout.on('data', (piece: Buffer) => output.stdout.push(piece));
    child.stderr.on('data', (piece: Buffer) => output.stderr.push(piece));
    child.stdin.on('error', () => {}); // A command that does not read its input says why by itself.
    child.stdin.end(input);
    child.once('error', (error) =>
      reject(signal?.aborted ? signal.reason : unavailable(`${program} cannot be run: ${error.message}`, error)),
    );
    child.once('close', (code) => {
      const [stdout, stderr] = [Buffer.concat(output.stdout).toString(), Buffer.concat(output.stderr).toString()];
      if (code === null) reject(unavailable(`${program} gave no answer within ${timeoutMs / 1000} s`));
      else if (code !== 0 && isUnreachable(stderr)) reject(unavailable(`${program}: ${lastLine(stderr)}`));
      else resolve({ code, stdout, stderr });
    });
  });
}

/** Words as they must be given behind a prefix: each ssh in it, wherever it stands, hands them to a shell on the other side. */
function throughShells(prefix: readonly string[] = [], words: readonly string[]): readonly string[] {
  const shells = prefix.filter((word) => basename(word) === 'ssh');
  return shells.reduce((given) => given.map(quote), words);
}

/** What Slurm's commands say when the answer is not the scheduler's. */
function isUnreachable(stderr: string): boolean {
  return /unable to contact|socket timed out|connection refused|connection reset|zero bytes|unable to connect|unable to establish|communication|temporarily|not responding|transmit or receive|could not resolve|ssh:|is draining|invalid authentication|protocol authentication|munge/i.test(
    stderr,
  );
}

/** The last thing that a command said, without its own name. */
export function lastLine(stderr: string): string {
  const line = stderr.trim().split('\n').at(-1) ?? '';
  return line.replace(/^\w+: (error: )?/, '').slice(0, 300);
}
