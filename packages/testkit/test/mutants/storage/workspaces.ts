import { cp, link, readdir, rename } from 'node:fs/promises';
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
    breaks: ['crash.abandonUpload', 'faults.lost-answer', 'faults.twice', 'upload.abandon'],
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
    breaks: ['check.connected'],
  },
];

const uploadOf = (directory: WorkspaceDirectory, uploadId: string): string => join(stagingOf(directory), uploadId);
