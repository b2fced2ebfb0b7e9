import { execFile } from 'node:child_process';
import { AdapterError } from '@user-workspaces/contract';

/** An entry of the system's user database: local files, LDAP, or whatever its name service asks. */
export interface SystemAccount {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

/** How a command ended; only its own exit code, never a failure to run it. */
export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

const COMMAND_LIMIT_MS = 20_000;
const ENVIRONMENT = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' };
/** getent's way to say that there is no such entry. */
const NO_ENTRY = 2;

/**
 * Runs a command of the system, without a shell and without this process's environment.
 *
 * @throws AdapterError `unsupported` when it is not installed, `unavailable` when it does not end in time.
 */
export function runCommand(
  command: string,
  commandArguments: readonly string[],
  signal?: AbortSignal,
): Promise<CommandResult> {
  signal?.throwIfAborted();
  return new Promise((resolve, reject) => {
    const options = { env: ENVIRONMENT, cwd: '/', timeout: COMMAND_LIMIT_MS, ...(signal ? { signal } : {}) };
    execFile(command, [...commandArguments], options, (error, stdout, stderr) => {
      if (!error) return resolve({ exitCode: 0, stdout, stderr });
      if (signal?.aborted) return reject(signal.reason);
      if (typeof error.code === 'number') return resolve({ exitCode: error.code, stdout, stderr });
      const isMissing = error.code === 'ENOENT';
      const message = isMissing
        ? `The command ${command} is missing; accounts of the operating system are supported on Linux only.`
        : `The command ${command} did not end within ${COMMAND_LIMIT_MS / 1000} s; the directory of accounts may be down, try again.`;
      reject(new AdapterError(isMissing ? 'unsupported' : 'unavailable', message, { cause: error }));
    });
  });
}

/** The account of exactly this name, which must follow the rule for system names. @throws AdapterError `unavailable`. */
export async function findAccount(name: string, signal?: AbortSignal): Promise<SystemAccount | undefined> {
  const line = await getent('passwd', name, signal);
  if (line === undefined) return undefined;
  const [found, , uid, gid, , home] = line.split(':');
  // A directory service may ignore case, and then means somebody else.
  if (found !== name) return undefined;
  if (!isNumber(uid) || !isNumber(gid) || home === undefined) {
    throw new AdapterError('unavailable', `The system's entry for the account ${name} cannot be read; repair it.`);
  }
  return { name, uid: Number(uid), gid: Number(gid), home };
}

/** True when some account or group has this number. */
export async function isIdTaken(id: number, signal?: AbortSignal): Promise<boolean> {
  const entries = await Promise.all([getent('passwd', String(id), signal), getent('group', String(id), signal)]);
  return entries.some((entry) => entry !== undefined);
}

async function getent(database: 'passwd' | 'group', key: string, signal?: AbortSignal): Promise<string | undefined> {
  const { exitCode, stdout } = await runCommand('getent', ['--', database, key], signal);
  if (exitCode === NO_ENTRY) return undefined;
  const line = stdout.split('\n')[0];
  if (exitCode !== 0 || !line) {
    throw new AdapterError('unavailable', `The system's directory of accounts cannot be asked (getent: ${exitCode}).`);
  }
  return line;
}

function isNumber(text: string | undefined): text is string {
  return text !== undefined && /^\d{1,10}$/.test(text);
}
