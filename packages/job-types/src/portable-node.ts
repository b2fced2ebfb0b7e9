import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { access, chmod, copyFile, mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { AdapterError } from '@user-workspaces/contract';
import type { TerminalRuntime } from './runtime.js';

const mountable = 0o755;

/**
 * Puts a Node beside an installed runtime that needs nothing of the machine or image it runs in but a shell: with its C library, the loader, and what the
 * pseudo-terminal needs. It appears whole; calling again is cheap and changes nothing.
 *
 * @returns The same runtime with that Node; both are in the directory that {@link TerminalRuntime.directory} is in, for a mount at the same path.
 * @throws AdapterError `unsupported` where the libraries cannot be listed.
 */
export async function installPortableNode(runtime: TerminalRuntime): Promise<TerminalRuntime> {
  const { size, mtimeMs } = await stat(process.execPath);
  const hash = createHash('sha256').update(
    `${process.version} ${process.arch} ${size} ${mtimeMs} ${runtime.directory}`,
  );
  const target = dirname(runtime.directory);
  const directory = join(target, `node-${hash.digest('hex').slice(0, 20)}`);
  const portable = { ...runtime, node: join(directory, 'uws-node') };
  if (await exists(directory)) return portable;

  const { loader, libraries } = await needsOf([process.execPath, ...(await nativeParts(runtime.directory))]);
  const own = join(target, `.${process.pid}-${randomBytes(6).toString('hex')}`);
  try {
    await mkdir(join(own, 'lib'), { recursive: true });
    const copy = async (source: string, name: string) => {
      await copyFile(source, join(own, name));
      await chmod(join(own, name), mountable);
    };
    await copy(process.execPath, 'node');
    for (const [name, path] of libraries) await copy(path, join('lib', name));
    await copy(loader, join('lib', basename(loader)));
    await writeFile(join(own, 'uws-node'), wrapper(basename(loader)));
    for (const name of ['uws-node', 'lib', '.']) await chmod(join(own, name), mountable);
    await rename(own, directory).catch(async (error: unknown) => {
      if (!(await exists(directory))) throw error;
    });
  } finally {
    await rm(own, { recursive: true, force: true });
  }
  return portable;
}

/** The loader is called by its path, so that neither a variable nor the image's own libraries matter. */
function wrapper(loader: string): string {
  return `#!/bin/sh
here=\${0%/*}
exec "$here/lib/${loader}" --library-path "$here/lib" "$here/node" "$@"
`;
}

async function nativeParts(directory: string): Promise<string[]> {
  const names = await readdir(join(directory, 'node_modules'), { recursive: true });
  return names.filter((name) => name.endsWith('.node')).map((name) => join(directory, 'node_modules', name));
}

/** The loader, and the libraries by the names under which they are asked for. */
async function needsOf(
  files: readonly string[],
): Promise<{ readonly loader: string; readonly libraries: ReadonlyMap<string, string> }> {
  const libraries = new Map<string, string>();
  let loader: string | undefined;
  for (const file of files) {
    const { stdout } = await promisify(execFile)('ldd', [file], { env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' } }).catch(
      (cause: unknown) => {
        const message = `The libraries of ${file} cannot be listed with ldd, so terminals cannot be brought into containers or to the nodes of a cluster. Install libc-bin.`;
        throw new AdapterError('unsupported', message, { cause });
      },
    );
    for (const line of stdout.split('\n')) {
      const [, name, path] = /^\s*(\S+) => (\/\S+)/.exec(line) ?? [];
      if (name !== undefined && path !== undefined) libraries.set(name, path);
      loader ??= /^\s*(\/\S*ld-\S+)/.exec(line)?.[1];
    }
  }
  if (loader !== undefined) return { loader, libraries };
  const message = `${process.execPath} has no loader that could be brought into containers or to the nodes of a cluster.`;
  throw new AdapterError('unsupported', message);
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
