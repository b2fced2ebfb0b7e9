import { createHash, randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import {
  access,
  chmod,
  copyFile,
  cp,
  lstat,
  mkdir,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
} from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AdapterError } from '@user-workspaces/contract';

/** Programs that jobs run themselves, and the Node that runs them. All paths are absolute. */
export interface TerminalRuntime {
  readonly directory: string;
  readonly node: string;
  /** The shell in the browser. */
  readonly terminalProgram: string;
  /** A read-only view of the workspace's files: a web application that needs nothing installed. */
  readonly filesProgram: string;
}

const packagedDirectory = fileURLToPath(new URL('../dist/runtime/', import.meta.url));
const programs = ['terminal.cjs', 'files.cjs'];

function runtimeIn(directory: string, node: string): TerminalRuntime {
  return {
    directory,
    node,
    terminalProgram: join(directory, 'terminal.cjs'),
    filesProgram: join(directory, 'files.cjs'),
  };
}

/** The runtime where this package is installed: for jobs of an account that can read it, such as the server's own. */
export const packagedRuntime: TerminalRuntime = runtimeIn(packagedDirectory, process.execPath);

/** `command` and further settings of a `WebApplicationJob` that shows the workspace's files. */
export function filesApplication(runtime: TerminalRuntime): {
  readonly command: [string, string];
  readonly token_query: string;
} {
  return { command: [runtime.node, runtime.filesProgram], token_query: 'token' };
}

/**
 * Copies what jobs run into a directory that every account can read: the programs, the native part of the pseudo-terminal for this platform,
 * and, only where not everybody can run the server's own Node, that too.
 *
 * The copy stands in a sub-directory named by its content and appears whole; calling again, also from several processes, is cheap and changes
 * nothing. Copies of earlier versions are left alone, since running jobs may use them.
 *
 * @throws AdapterError `misconfigured` when this process is root, so that jobs run as other accounts, and those cannot reach `targetDirectory`,
 *   or when others could replace the programs in it; `unsupported` when the pseudo-terminal has no build for this platform.
 */
export async function installTerminalRuntime(targetDirectory: string): Promise<TerminalRuntime> {
  const target = resolve(targetDirectory);
  await makeOpenDirectory(target);
  await refuseUnsafeTarget(target);

  const packages = await pseudoTerminalPackages();
  const copiesNode = !(await everybodyMayRun(process.execPath));
  const directory = join(target, await contentName(packages, copiesNode));
  const runtime = runtimeIn(directory, copiesNode ? join(directory, 'node') : process.execPath);
  if (await exists(directory)) {
    await refuseUnsafeTarget(directory);
    return runtime;
  }

  const own = join(target, `.${process.pid}-${randomBytes(6).toString('hex')}`);
  try {
    await mkdir(own, { mode: 0o755 });
    for (const program of programs) await copyFile(join(packagedDirectory, program), join(own, program));
    for (const [name, source] of packages) {
      await cp(source, join(own, 'node_modules', name), { recursive: true, dereference: true });
    }
    if (copiesNode) await copyFile(process.execPath, join(own, 'node'));
    await openToEverybody(own);
    await rename(own, directory).catch(async (error: unknown) => {
      if (!(await exists(directory))) throw error;
    });
  } finally {
    await rm(own, { recursive: true, force: true });
  }
  return runtime;
}

/** Makes the directory and its missing parents enterable for everybody, whatever the umask; leaves existing ones as they are. */
async function makeOpenDirectory(directory: string): Promise<void> {
  const first = await mkdir(directory, { recursive: true });
  if (first === undefined) return;
  for (let path = directory; ; path = dirname(path)) {
    await chmod(path, 0o755);
    if (path === first) return;
  }
}

/** The packages of the pseudo-terminal, by name, with their directories. */
async function pseudoTerminalPackages(): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  const name = '@lydell/node-pty';
  const platformName = `${name}-${process.platform}-${process.arch}`;
  const main = createRequire(import.meta.url).resolve(`${name}/package.json`);
  try {
    const platform = createRequire(main).resolve(`${platformName}/package.json`);
    return found.set(name, dirname(main)).set(platformName, dirname(platform));
  } catch (cause) {
    const message = `The terminal has no build for this platform: the npm package ${platformName} is not installed. Install without --omit=optional, or leave the job type out.`;
    throw new AdapterError('unsupported', message, { cause });
  }
}

/** A name that changes with everything that is copied. */
async function contentName(packages: ReadonlyMap<string, string>, copiesNode: boolean): Promise<string> {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch} ${process.version}\0`);
  const read = async (path: string): Promise<Buffer> => {
    try {
      return await readFile(path);
    } catch (cause) {
      const message = `The program ${path} of the terminal is missing. Build it with "npm run build".`;
      throw new AdapterError('misconfigured', message, { cause });
    }
  };
  for (const program of programs) hash.update(await read(join(packagedDirectory, program)));
  for (const directory of packages.values()) hash.update(await read(join(directory, 'package.json')));
  if (copiesNode) {
    const { size, mtimeMs } = await stat(process.execPath);
    hash.update(`node ${size} ${mtimeMs}`);
  }
  return hash.digest('hex').slice(0, 20);
}

async function refuseUnsafeTarget(directory: string): Promise<void> {
  const entry = await lstat(directory);
  const uid = process.getuid?.();
  if (!entry.isDirectory() || (entry.uid !== uid && entry.uid !== 0) || (entry.mode & 0o022) !== 0) {
    const message = `The directory ${directory} for the programs of jobs must belong to the server's account and be writable by nobody else, since jobs of all users run what is in it.`;
    throw new AdapterError('misconfigured', message);
  }
  if (uid === 0 && !(await everybodyMayEnter(directory))) {
    const message = `The directory ${directory} for the programs of jobs cannot be entered by the accounts that jobs run as. Choose one below directories that everybody may enter, such as /var/lib/user-workspaces.`;
    throw new AdapterError('misconfigured', message);
  }
}

async function everybodyMayEnter(directory: string): Promise<boolean> {
  for (let path = await realpath(directory); ; path = dirname(path)) {
    if (((await stat(path)).mode & 0o001) === 0) return false;
    if (path === dirname(path)) return true;
  }
}

async function everybodyMayRun(program: string): Promise<boolean> {
  const path = await realpath(program);
  return ((await stat(path)).mode & 0o005) === 0o005 && (await everybodyMayEnter(dirname(path)));
}

/** Rights that do not depend on the server's umask: read for everybody, write for the owner, run where the owner may. */
async function openToEverybody(path: string): Promise<void> {
  const entry = await lstat(path);
  await chmod(path, entry.isDirectory() || (entry.mode & 0o100) !== 0 ? 0o755 : 0o644);
  if (!entry.isDirectory()) return;
  for (const name of await readdir(path)) await openToEverybody(join(path, name));
}

async function exists(path: string): Promise<boolean> {
  return access(path, constants.F_OK).then(
    () => true,
    () => false,
  );
}
