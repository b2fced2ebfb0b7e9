import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import { type Account, AdapterError, type Storage, type WorkspaceDirectory } from '@user-workspaces/contract';
import { createLocalStorage, type LocalStorageOptions } from '@user-workspaces/storage-local';
import { copyBetween } from './copying.js';

/** As a local storage, but for its directories. */
export interface VolumesStorageOptions extends Omit<LocalStorageOptions, 'rootDirectory'> {
  /** Absolute paths, each on a file system of its own, none within another. */
  readonly volumes: readonly [string, ...string[]];
}

/**
 * Spreads users over several file systems: workspaces are in `<volume>/<account name>/<workspace id>`.
 *
 * Each volume is a local storage. It does what is hard: nothing outside a workspace is touched, whatever names, links and races
 * occur. Added here is where a workspace is, and what two volumes must do together.
 *
 * A volume may be added: the server keeps the location of each workspace, and the location alone says on which volume it is. One with
 * workspaces on it must stay.
 *
 * @throws AdapterError `misconfigured` when a volume lies within another, and what {@link createLocalStorage} refuses.
 */
export async function createVolumesStorage({ volumes, ...options }: VolumesStorageOptions): Promise<Storage> {
  const roots = volumes.map((volume) => resolve(volume));
  for (const [index, root] of roots.entries()) {
    if (roots.some((other, at) => at !== index && `${other}/`.startsWith(`${root}/`))) {
      throw new AdapterError('misconfigured', `The volume ${root} holds another one, or comes twice.`, {
        field: 'volumes',
      });
    }
  }
  const storages = await Promise.all(roots.map((rootDirectory) => createLocalStorage({ ...options, rootDirectory })));

  const volumeOf = ({ location }: WorkspaceDirectory): Storage => {
    // The rest of the location is looked at by the volume itself.
    const storage = storages.find((_, index) => location.startsWith(`${roots[index]}/`));
    if (storage) return storage;
    const advice = 'If a volume was taken out of the configuration, put it back.';
    throw new AdapterError('denied', `The workspace is on none of the volumes. ${advice}`, { field: 'location' });
  };
  const volumeAt = (index: number): Storage => {
    const storage = storages[index];
    if (!storage) throw new AdapterError('misconfigured', `There is no volume ${index}.`, { field: 'volumes' });
    return storage;
  };
  /** The volume for new workspaces of an account. */
  const chosenFor = ({ name }: Account): Storage =>
    volumeAt(createHash('sha256').update(name).digest().readUInt32BE() % storages.length);
  // Each volume refuses targets within itself only.
  const checkLinkTarget: Storage['checkLinkTarget'] = async (target, signal) => {
    for (const storage of storages) await storage.checkLinkTarget(target, signal);
  };

  return {
    name: options.name,
    capabilities: volumeAt(0).capabilities,
    checkLinkTarget,
    locate: (account, workspaceId) => chosenFor(account).locate(account, workspaceId),
    async highestId(signal) {
      const highest = await Promise.all(storages.map((storage) => storage.highestId?.(signal) ?? 0));
      return Math.max(...highest);
    },
    async copy(from, to, signal) {
      const [source, target] = [volumeOf(from), volumeOf(to)];
      if (source === target) await source.copy(from, to, signal);
      else await copyBetween({ storage: source, workspace: from }, { storage: target, workspace: to }, signal);
    },
    async link(directory, path, target, signal) {
      await checkLinkTarget(target, signal);
      return volumeOf(directory).link(directory, path, target, signal);
    },
    async check(signal) {
      const healths = await Promise.all(storages.map((storage) => storage.check(signal)));
      const broken = healths.filter(({ connected }) => !connected);
      if (broken.length === 0) return { connected: true, message: `All ${storages.length} volumes work.` };
      return { connected: false, message: broken.map(({ message }) => message).join(' ') };
    },
    async close() {
      await Promise.all(storages.map((storage) => storage.close()));
    },

    // All else is done by the volume of the workspace. Functions are async so that a location of nowhere is a rejection, too.
    create: async (directory, ...rest) => volumeOf(directory).create(directory, ...rest),
    destroy: async (directory, ...rest) => volumeOf(directory).destroy(directory, ...rest),
    stat: async (directory, ...rest) => volumeOf(directory).stat(directory, ...rest),
    async *list(directory, ...rest) {
      yield* volumeOf(directory).list(directory, ...rest);
    },
    async *walk(directory, ...rest) {
      yield* volumeOf(directory).walk(directory, ...rest);
    },
    read: async (directory, ...rest) => volumeOf(directory).read(directory, ...rest),
    write: async (directory, ...rest) => volumeOf(directory).write(directory, ...rest),
    uploadedBytes: async (directory, ...rest) => volumeOf(directory).uploadedBytes(directory, ...rest),
    appendUpload: async (directory, ...rest) => volumeOf(directory).appendUpload(directory, ...rest),
    finishUpload: async (directory, ...rest) => volumeOf(directory).finishUpload(directory, ...rest),
    abandonUpload: async (directory, ...rest) => volumeOf(directory).abandonUpload(directory, ...rest),
    makeDirectory: async (directory, ...rest) => volumeOf(directory).makeDirectory(directory, ...rest),
    rename: async (directory, ...rest) => volumeOf(directory).rename(directory, ...rest),
    remove: async (directory, ...rest) => volumeOf(directory).remove(directory, ...rest),
    survey: async (directory, ...rest) => volumeOf(directory).survey(directory, ...rest),
    watch: (directory, ...rest) => volumeOf(directory).watch(directory, ...rest),
  };
}
