import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { chmod, chown, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LaunchReference, LaunchSpecification, Observation, Resource } from '@user-workspaces/contract';
import { createLocalResource, type LocalResourceOptions } from '../src/index.js';

export const isRoot = process.geteuid?.() === 0;
/** An account that has nothing to do with this machine; without root there is only one's own. */
export const account = isRoot ? { name: 'alice', uid: 12345, gid: 12346 } : { name: 'alice', uid: null, gid: null };
export const jobUid = isRoot ? 12345 : (process.geteuid?.() ?? -1);

export interface Bench {
  readonly root: string;
  readonly recordsDirectory: string;
  readonly workspacePath: string;
  readonly resource: Resource;
  /** Another resource on the same records, as after a restart. */
  open(options?: Partial<LocalResourceOptions>): Promise<Resource>;
  specification(command: LaunchSpecification['command'], changes?: Partial<LaunchSpecification>): LaunchSpecification;
  end(): Promise<void>;
}

let jobs = 0;

/** A records directory, a workspace and a resource; `end` stops every launch, and throws if anything of them is left. */
export async function makeBench(options: Partial<LocalResourceOptions> = {}): Promise<Bench> {
  const root = await mkdtemp(`${tmpdir()}/uws-local-`);
  await chmod(root, 0o755);
  const workspacePath = `${root}/workspace`;
  await mkdir(workspacePath);
  if (isRoot) await chown(workspacePath, 12345, 12346);
  const recordsDirectory = `${root}/records`;
  const made: Resource[] = [];
  const launched: LaunchReference[] = [];
  const open = async (more: Partial<LocalResourceOptions> = {}) => {
    const resource = await createLocalResource({ name: 'local', recordsDirectory, ...options, ...more });
    made.push(resource);
    return resource;
  };
  const resource = await open();
  return {
    root,
    recordsDirectory,
    workspacePath,
    resource,
    open,
    specification(command, changes = {}) {
      const specification: LaunchSpecification = {
        launchKey: randomBytes(16).toString('hex'),
        jobId: ++jobs,
        account,
        workspacePath,
        command,
        files: [],
        environment: {},
        limits: {},
        options: {},
        ...changes,
      };
      launched.push(referenceTo(specification));
      return specification;
    },
    async end() {
      for (const reference of launched) {
        await resource.stop(reference, 0);
        await observeUntil(resource, reference, ({ kind }) => kind === 'ended' || kind === 'absent');
      }
      for (const each of made) await each.close();
      // A supervisor ends just after it has written the result.
      await until(() => launched.every(({ launchKey }) => processesNaming(launchKey).length === 0));
      const groups = launched.flatMap(({ launchKey }) => cgroupsOf(launchKey));
      if (groups.length > 0) throw new Error(`Left behind: ${groups.join(', ')}`);
      await rm(root, { recursive: true });
    },
  };
}

export function referenceTo(specification: LaunchSpecification): LaunchReference {
  const { launchKey, account, workspacePath, jobId, session } = specification;
  return { launchKey, handle: null, account, workspacePath, jobId, ...(session && { session }) };
}

export async function observe(resource: Resource, reference: LaunchReference): Promise<Observation> {
  const observation = (await resource.observe([reference])).get(reference.launchKey);
  if (!observation) throw new Error('The reference was not answered.');
  return observation;
}

export async function observeUntil(
  resource: Resource,
  reference: LaunchReference,
  accept: (observation: Observation) => boolean,
  timeoutMs = 10_000,
): Promise<Observation> {
  const deadlineMs = Date.now() + timeoutMs;
  for (;;) {
    const observation = await observe(resource, reference);
    if (accept(observation)) return observation;
    if (Date.now() > deadlineMs) throw new Error(`Still ${JSON.stringify(observation)}`);
    await sleep(10);
  }
}

export async function ended(resource: Resource, specification: LaunchSpecification, timeoutMs = 10_000) {
  const observation = await observeUntil(
    resource,
    referenceTo(specification),
    ({ kind }) => kind === 'ended',
    timeoutMs,
  );
  if (observation.kind !== 'ended') throw new Error('unreachable');
  return observation;
}

export async function running(resource: Resource, specification: LaunchSpecification) {
  const observation = await observeUntil(resource, referenceTo(specification), ({ kind }) => kind === 'running');
  if (observation.kind !== 'running') throw new Error('unreachable');
  return observation;
}

export async function until<T>(
  look: () => T | undefined | false | Promise<T | undefined | false>,
  timeoutMs = 10_000,
): Promise<T> {
  const deadlineMs = Date.now() + timeoutMs;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > deadlineMs) throw new Error(`Never came true: ${look}`);
    await sleep(10);
  }
}

export async function logText(resource: Resource, specification: LaunchSpecification, follow = false): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const { content } of resource.logs(referenceTo(specification), { fromByte: 0, follow }))
    pieces.push(content);
  return Buffer.concat(pieces).toString();
}

/** Numbers of the processes, zombies included, that have this text among their arguments or in their environment. */
export function processesNaming(text: string): number[] {
  return allProcesses().filter((pid) =>
    ['cmdline', 'environ'].some((file) => {
      try {
        return readFileSync(`/proc/${pid}/${file}`, 'utf8').includes(text);
      } catch {
        return false;
      }
    }),
  );
}

export function allProcesses(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

export function cgroupsOf(launchKey: string): string[] {
  return ['memory', 'cpu', '.']
    .map((controller) => `/sys/fs/cgroup/${controller}/user-workspaces/${launchKey}`)
    .filter((path) => existsSync(path));
}
