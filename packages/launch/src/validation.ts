import type { LaunchSpecification } from '@user-workspaces/contract';
import { AdapterError } from '@user-workspaces/contract';

const keyPattern = /^[0-9a-f]{32}$/;
const variablePattern = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** The shell that sets the job's environment gives these a meaning of its own, or does not let them be set. */
const shellVariables = new Set([
  'UID',
  'EUID',
  'PPID',
  'SHELLOPTS',
  'BASHOPTS',
  'OPTIND',
  'PWD',
  'OLDPWD',
  'SHLVL',
  '_',
]);

/** A key becomes a directory name, so nothing but the agreed form may pass. */
function requireLaunchKey(launchKey: string): void {
  if (!keyPattern.test(launchKey)) {
    throw new AdapterError('invalid', 'A launch key has 32 lower-case hexadecimal digits.', { field: 'launchKey' });
  }
}

/** Whether the key could ever have been launched here. */
export function isLaunchKey(launchKey: string): boolean {
  return keyPattern.test(launchKey);
}

/**
 * Checks all that start scripts rely on.
 *
 * @param ownNames Files of the job directory that the resource keeps for itself, such as the job's output.
 * @throws AdapterError `invalid`, naming the field.
 */
export function requireValid(specification: LaunchSpecification, ...ownNames: readonly string[]): void {
  requireLaunchKey(specification.launchKey);
  const { jobId, workspacePath, command, files, environment, limits, session } = specification;
  const check = (accepted: boolean, field: string, message: string) => {
    if (!accepted) throw new AdapterError('invalid', message, { field });
  };
  check(Number.isSafeInteger(jobId) && jobId >= 0, 'jobId', 'The job id is not a whole number.');
  check(
    /^\/[^\0]*$/.test(workspacePath) && !workspacePath.split('/').includes('..'),
    'workspacePath',
    'The path of the workspace is not an absolute path without "..".',
  );
  const [program] = command;
  check(
    program !== '' && !program.startsWith('-'),
    'command',
    'The name of the program is empty or begins with a dash.',
  );
  check(!command.some(hasNul), 'command', 'The command holds a NUL character.');

  const names = new Set<string>();
  for (const { name, content, mode } of files) {
    const plain = /^[^/\0]{1,255}$/.test(name) && name !== '.' && name !== '..';
    check(plain && !names.has(name), 'files', `"${name}" is not a plain file name, or it is given twice.`);
    check(
      name !== 'session' && name !== 'session.new' && !ownNames.includes(name),
      'files',
      `The name "${name}" is taken by the report of the session${ownNames.length === 0 ? '' : ' or the resource'}.`,
    );
    check(!hasNul(content), 'files', `The content of "${name}" holds a NUL character.`);
    check(Number.isInteger(mode) && mode >= 0 && mode <= 0o777, 'files', `The mode of "${name}" is not in 0..0777.`);
    names.add(name);
  }
  for (const [name, value] of Object.entries(environment)) {
    check(variablePattern.test(name), 'environment', `"${name}" is not a name of an environment variable.`);
    check(!shellVariables.has(name) && !name.startsWith('BASH_'), 'environment', `The shell keeps ${name} for itself.`);
    check(!hasNul(value), 'environment', `The value of ${name} holds a NUL character.`);
  }
  for (const [name, value] of Object.entries(limits)) {
    const accepted = value === undefined || (Number.isFinite(value) && (value > 0 || (name === 'gpus' && value === 0)));
    check(accepted, `limits.${name}`, `The limit ${name} is not a number above zero.`);
  }
  if (session) check(/^[\w-]{16,256}$/.test(session.secret), 'session.secret', 'The secret is not URL-safe text.');
}

function hasNul(text: string): boolean {
  return text.includes('\0');
}
