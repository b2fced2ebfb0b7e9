import { cp, link, lstat, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AdapterError, type WorkspaceDirectory } from '@user-workspaces/contract';
import type { StorageWorld } from '@user-workspaces/testkit';
import type { Mutant } from '../mutants.js';
import { opening, pathIn, stagingOf } from './opening.js';

/** What is wrong with whole workspaces and with uploads. */
export const workspaceMutants: readonly Mutant<StorageWorld>[] = [
  {
    fault: 'empties a workspace that is made again',
    open: opening((storage) => ({
      async create(directory, signal) {
        await storage.create(directory, signal);
        for await (const { path } of storage.list(directory, '', signal)) await storage.remove(directory, path, signal);
      },
    })),
    breaks: ['create.again'],
  },
  {
    fault: 'gives two workspaces of an account the same place',
    open: opening((storage) => ({
      locate: (account, workspaceId) => storage.locate(account, workspaceId === 2 ? 1 : workspaceId),
    })),
    breaks: ['locate.pure'],
  },
  {
    fault: 'leaves hidden directories when it destroys a workspace',
    open: opening((storage) => ({
      async destroy(directory, signal) {
        const isHidden = await lstat(pathIn(directory, '.hidden')).then(
          () => true,
          () => false,
        );
        await storage.destroy(directory, signal);
        if (!isHidden) return;
        await storage.create(directory, signal);
        await storage.makeDirectory(directory, '.hidden', signal);
      },
    })),
    breaks: ['destroy.everything'],
  },
  {
    fault: 'keeps files that are in the copy already',
    open: opening((storage) => ({
      async copy(from, to, signal) {
        const entries = await readdir(to.location, { withFileTypes: true }).catch(() => []);
        const kept = await Promise.all(
          entries
            .filter((entry) => entry.isFile())
            .map(async ({ name }) => ({ name, content: await readFile(pathIn(to, name)) })),
        );
        await storage.copy(from, to, signal);
        for (const { name, content } of kept) {
          const isStill = await lstat(pathIn(to, name)).then((stats) => stats.isFile());
          if (isStill) await writeFile(pathIn(to, name), content);
        }
      },
    })),
    breaks: ['copy.replaces'],
  },
  {
    fault: 'takes a workspace that it began to make for made',
    open: opening((storage) => {
      const begun = new Set<string>();
      return {
        async create(directory, signal) {
          signal?.throwIfAborted();
          // Where it is, if anywhere.
          await storage.uploadedBytes(directory, '0'.repeat(32), signal);
          if (begun.has(directory.location)) return;
          begun.add(directory.location);
          await storage.create(directory, signal);
        },
        async destroy(directory, signal) {
          begun.delete(directory.location);
          await storage.destroy(directory, signal);
        },
      };
    }),
    breaks: ['crash.create'],
  },
  {
    fault: 'takes a copy that it began for done',
    open: opening((storage) => {
      const begun = new Set<string>();
      return {
        async copy(from, to, signal) {
          if (begun.has(to.location)) return;
          begun.add(to.location);
          try {
            await storage.copy(from, to, signal);
          } catch (error) {
            // It is the crash that it does not foresee.
            if (error === signal?.reason || AdapterError.is(error)) begun.delete(to.location);
            throw error;
          }
          begun.delete(to.location);
        },
      };
    }),
    breaks: ['crash.copy'],
  },
  {
    fault: 'has an upload away for a moment before it puts it in place',
    open: opening((storage) => ({
      async finishUpload(directory, uploadId, path, conditions, signal) {
        await storage.uploadedBytes(directory, uploadId, signal);
        const upload = uploadOf(directory, uploadId);
        const isThere = await lstat(upload).then(
          () => true,
          () => false,
        );
        if (isThere) {
          await rename(upload, `${upload}.away`);
          await rename(`${upload}.away`, upload);
        }
        return storage.finishUpload(directory, uploadId, path, conditions, signal);
      },
    })),
    breaks: ['crash.finish-upload'],
  },
  {
    fault: 'loses an upload that must not take the place of a file',
    open: opening((storage) => ({
      async finishUpload(directory, uploadId, path, conditions, signal) {
        try {
          return await storage.finishUpload(directory, uploadId, path, conditions, signal);
        } catch (error) {
          if (AdapterError.is(error, 'conflict')) await storage.abandonUpload(directory, uploadId, signal);
          throw error;
        }
      },
    })),
    breaks: ['upload.condition'],
  },
  {
    fault: 'takes a workspace that is half destroyed for one that is gone',
    open: opening((storage) => ({
      async destroy(directory, signal) {
        try {
          await storage.stat(directory, '', signal);
        } catch (error) {
          if (AdapterError.is(error, 'not_found')) return;
          throw error;
        }
        // Without the signal it is half destroyed by a crash only.
        await storage.destroy(directory);
      },
    })),
    breaks: ['crash.destroy'],
  },
  {
    fault: 'copies dot files',
    open: opening((storage) => ({
      async copy(from, to, signal) {
        await storage.copy(from, to, signal);
        for (const name of (await readdir(from.location)).filter((each) => each.startsWith('.'))) {
          await cp(pathIn(from, name), pathIn(to, name), { recursive: true });
        }
      },
    })),
    breaks: ['copy.visible', 'faults.abort-anywhere'],
  },
  {
    fault: 'lists dot files in a survey',
    open: opening((storage) => ({
      async survey(directory, signal) {
        const survey = await storage.survey(directory, signal);
        const hidden = (await readdir(directory.location)).filter((name) => name === '.env');
        return { ...survey, files: [...hidden.map((name) => `/${name}`), ...survey.files] };
      },
    })),
    breaks: ['survey.counts'],
  },
  {
    fault: 'goes on with a watch that was ended',
    open: opening((storage) => ({
      watch: (directory, changed) => storage.watch(directory, changed, new AbortController().signal),
    })),
    breaks: ['watch.follows'],
  },
  {
    fault: 'does not look at the offset of an upload',
    open: opening((storage) => ({
      appendUpload: async (directory, uploadId, _offset, source, signal) =>
        storage.appendUpload(directory, uploadId, await storage.uploadedBytes(directory, uploadId), source, signal),
    })),
    breaks: ['faults.upload-lost-answer', 'upload.offset'],
  },
  {
    fault: 'stores a piece of an upload when all of it has arrived',
    open: opening((storage) => ({
      async appendUpload(directory, uploadId, offset, source, signal) {
        const pieces: Uint8Array[] = [];
        const aborted = new Promise<never>((_, reject) => {
          signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
        });
        const iterator = source[Symbol.asyncIterator]();
        for (;;) {
          const next = await Promise.race([iterator.next(), aborted]);
          if (next.done) break;
          pieces.push(next.value);
        }
        const all = async function* (): AsyncGenerator<Uint8Array> {
          yield* pieces;
        };
        return storage.appendUpload(directory, uploadId, offset, all(), signal);
      },
    })),
    breaks: ['memory.constant', 'signal.silent-source', 'upload.resume'],
  },
  {
    fault: 'keeps an upload that was put in place',
    open: opening((storage) => ({
      async finishUpload(directory, uploadId, path, conditions, signal) {
        await storage.uploadedBytes(directory, uploadId, signal);
        const [upload, kept] = [uploadOf(directory, uploadId), uploadOf(directory, 'write-kept')];
        const isKept = await link(upload, kept).then(
          () => true,
          () => false,
        );
        try {
          return await storage.finishUpload(directory, uploadId, path, conditions, signal);
        } finally {
          if (isKept) await rename(kept, upload);
        }
      },
    })),
    breaks: ['faults.upload-lost-answer', 'upload.finish'],
  },
  {
    fault: 'keeps an upload that was abandoned',
    open: opening((storage) => ({
      abandonUpload: async (directory, uploadId, signal) => {
        await storage.uploadedBytes(directory, uploadId, signal);
      },
    })),
    breaks: ['crash.abandonUpload', 'faults.lost-answer', 'faults.twice', 'upload.abandon', 'upload.one-winner'],
  },
  {
    fault: 'says of what is no upload that it has not begun',
    open: opening((storage) => ({
      uploadedBytes: (directory, uploadId, signal) =>
        storage.uploadedBytes(directory, uploadId, signal).catch((error: unknown) => {
          if (AdapterError.is(error, 'invalid')) return 0;
          throw error;
        }),
    })),
    breaks: ['upload.id'],
  },
  {
    fault: 'tells where its files are when it is asked whether it works',
    open: opening((storage) => {
      const known: string[] = [];
      return {
        async check(signal) {
          const { connected, message } = await storage.check(signal);
          return { connected, message: `${message} They are ${known.join(', ')}.` };
        },
        locate(account, workspaceId) {
          known.push(storage.locate(account, workspaceId));
          return storage.locate(account, workspaceId);
        },
      };
    }),
    breaks: ['check.connected', 'check.cut-off'],
  },
];

const uploadOf = (directory: WorkspaceDirectory, uploadId: string): string => join(stagingOf(directory), uploadId);
