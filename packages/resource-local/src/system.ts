import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, readdir, readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { AdapterError } from '@user-workspaces/contract';
import { unlessMissing } from '@user-workspaces/launch';

/**
 * What holds a job's processes together, so that all of them can be found and ended.
 *
 * - `namespace`: a process namespace made by root. Nothing leaves it, and its end is the end of all that is in it.
 * - `user-namespace`: the same for a server that is not root, where the machine lets plain users make one.
 * - `marker`: a variable in the environment of every process of the job. A program that clears its environment and leaves its
 *   parent is not found.
 */
export type Isolation = 'namespace' | 'user-namespace' | 'marker';

/** Where the supervisor looks for its tools; the server's own PATH is not trusted with root's rights. */
export const supervisorPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * Descriptors beside the first three that this process was given open and would pass on: of whoever started it, perhaps a log or a socket that
 * is nobody's but root's. What Node itself opens is closed in its children.
 */
export async function inheritedDescriptors(): Promise<number[]> {
  const closedInChildren = 0o2000000;
  const inherited: number[] = [];
  // One after the other: what is open for reading them is among them, so that several resources that begin at once would make each other's lists longer and longer.
  for (const name of (await unlessMissing(readdir('/proc/self/fdinfo'))) ?? []) {
    // The one by which the list was read is gone.
    const text = (await unlessMissing(readFile(`/proc/self/fdinfo/${name}`, 'latin1'))) ?? '';
    const flags = Number.parseInt(/^flags:\s*([0-7]+)/m.exec(text)?.[1] ?? '', 8);
    if (Number(name) > 2 && (flags & closedInChildren) === 0 && !Number.isNaN(flags)) inherited.push(Number(name));
  }
  return inherited;
}

/** Every program that is called, and the Debian package that has it. */
const tools: Readonly<Record<string, string>> = {
  sh: 'dash',
  unshare: 'util-linux',
  setpriv: 'util-linux',
  fallocate: 'util-linux',
  flock: 'util-linux',
  grep: 'grep',
  id: 'coreutils',
  mkdir: 'coreutils',
  rm: 'coreutils',
  rmdir: 'coreutils',
  chmod: 'coreutils',
  mv: 'coreutils',
  stat: 'coreutils',
  timeout: 'coreutils',
  truncate: 'coreutils',
  sleep: 'coreutils',
};

/** Full path of a tool in {@link supervisorPath}. */
export async function findTool(name: string): Promise<string | undefined> {
  for (const directory of supervisorPath.split(':')) {
    const path = `${directory}/${name}`;
    if (await permits(access(path, constants.X_OK))) return path;
  }
  return undefined;
}

async function permits(attempt: Promise<unknown>): Promise<boolean> {
  return attempt.then(
    () => true,
    () => false,
  );
}

/** @throws AdapterError `unsupported` off Linux, `misconfigured` when a tool is missing; the message says what to install. */
export async function requireSystem(): Promise<{ readonly sh: string }> {
  if (process.platform !== 'linux') {
    throw new AdapterError(
      'unsupported',
      `Jobs as local processes need Linux: ${process.platform} has no /proc, no process namespaces and no setpriv. Run the server on Linux or in a container, or configure another resource.`,
    );
  }
  const missing = new Map<string, string>();
  for (const [tool, debianPackage] of Object.entries(tools)) {
    if ((await findTool(tool)) === undefined) missing.set(tool, debianPackage);
  }
  const sh = await findTool('sh');
  if (missing.size > 0 || sh === undefined) {
    throw new AdapterError(
      'misconfigured',
      `Jobs as local processes need ${[...missing.keys()].join(', ')}, which this machine lacks in ${supervisorPath}. On Debian: apt-get install ${[...new Set(missing.values())].join(' ')}`,
      { details: { missing: [...missing.keys()] } },
    );
  }
  return { sh };
}

/** The strongest isolation that this machine allows this process. */
export async function findIsolation(isRoot: boolean): Promise<Isolation> {
  const run = promisify(execFile);
  const namespace = ['--pid', '--fork', '--kill-child', '--mount-proc', '--propagation', 'slave', 'true'];
  const options = { env: { PATH: supervisorPath }, timeout: 10_000 };
  if (isRoot) return (await permits(run('unshare', namespace, options))) ? 'namespace' : 'marker';
  const asUser = ['--user', '--map-current-user', ...namespace];
  return (await permits(run('unshare', asUser, options))) ? 'user-namespace' : 'marker';
}
