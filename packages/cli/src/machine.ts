import { constants } from 'node:fs';
import { access, realpath, stat } from 'node:fs/promises';
import { homedir, userInfo } from 'node:os';
import { delimiter, dirname, isAbsolute, join } from 'node:path';
import type { Machine } from './configuration/configuration.js';

const jupyterPrograms = ['jupyter-lab', 'jupyter-notebook', 'jupyter-server', 'jupyter'];

/** What the machine says about this process. */
export async function thisMachine(environment: NodeJS.ProcessEnv): Promise<Machine> {
  const isRoot = process.getuid?.() === 0;
  return {
    isRoot,
    home:
      environment.XDG_DATA_HOME && isAbsolute(environment.XDG_DATA_HOME)
        ? environment.XDG_DATA_HOME
        : join(homedir(), '.local/share'),
    username: nameOfAccount(),
    platform: process.platform,
    jupyter: await findJupyter(environment.PATH ?? '', isRoot),
  };
}

function nameOfAccount(): string {
  try {
    return userInfo().username;
  } catch {
    // A container may run a uid that has no account.
    return '';
  }
}

/** The first Jupyter on the search path that jobs can run; those of root's server run as other accounts. */
export async function findJupyter(searchPath: string, forOthers: boolean): Promise<string | undefined> {
  for (const program of jupyterPrograms) {
    for (const directory of searchPath.split(delimiter).filter(isAbsolute)) {
      const path = join(directory, program);
      if (await isRunnable(path, forOthers)) return path;
    }
  }
  return undefined;
}

async function isRunnable(path: string, forOthers: boolean): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    if (!(await stat(path)).isFile()) return false;
    if (!forOthers) return true;
    const real = await realpath(path);
    if (((await stat(real)).mode & 0o005) !== 0o005) return false;
    return (await allMayEnter(dirname(real))) && (await allMayEnter(dirname(path)));
  } catch {
    // Absent, or out of reach: either way jobs cannot run it.
    return false;
  }
}

async function allMayEnter(directory: string): Promise<boolean> {
  for (let path = directory; ; path = dirname(path)) {
    if (((await stat(path)).mode & 0o001) === 0) return false;
    if (path === dirname(path)) return true;
  }
}
