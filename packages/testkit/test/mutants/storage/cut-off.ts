import { mkdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { AdapterError, type Survey } from '@user-workspaces/contract';
import type { StorageWorld } from '@user-workspaces/testkit';
import type { Mutant } from '../mutants.js';
import { opening } from './opening.js';

const emptySurvey: Survey = { diskSpaceBytes: 0, files: [], symlinks: [] };

/** Answers something else where the files cannot be reached. */
async function whereCutOff<R>(call: Promise<R>, instead: () => Promise<R>): Promise<R> {
  try {
    return await call;
  } catch (error) {
    if (!AdapterError.is(error, 'unavailable')) throw error;
    return instead();
  }
}

/** What is done wrongly while the files cannot be reached. */
export const cutOffMutants: readonly Mutant<StorageWorld>[] = [
  {
    fault: 'takes a file that cannot be reached for one that is gone',
    open: opening((storage) => ({
      stat: (directory, path, signal) =>
        whereCutOff(storage.stat(directory, path, signal), async () => {
          throw new AdapterError('not_found', 'The file does not exist.', { field: 'path' });
        }),
    })),
    breaks: ['cut-off.unavailable'],
  },
  {
    fault: 'gives no entries while its files cannot be reached',
    open: opening((storage) => ({
      async *list(directory, path, signal) {
        try {
          yield* storage.list(directory, path, signal);
        } catch (error) {
          if (!AdapterError.is(error, 'unavailable')) throw error;
        }
      },
    })),
    breaks: ['cut-off.unavailable'],
  },
  {
    fault: 'finds a workspace empty while it cannot be reached',
    open: opening((storage) => ({
      survey: (directory, signal) => whereCutOff(storage.survey(directory, signal), async () => emptySurvey),
    })),
    breaks: ['cut-off.unavailable'],
  },
  {
    fault: 'tells who watches that all is gone while nothing can be reached',
    open: opening((storage) => ({
      watch(directory, changed, signal) {
        storage.watch(directory, changed, signal);
        const look = async (): Promise<void> => {
          for (let isAway = false; !signal.aborted && !isAway; await sleep(100)) {
            await whereCutOff(storage.survey(directory, signal), async () => {
              isAway = true;
              changed(emptySurvey);
              return emptySurvey;
            });
          }
        };
        // The workspace may be destroyed while it is watched.
        void look().catch(() => undefined);
      },
    })),
    breaks: ['cut-off.unavailable'],
  },
  {
    fault: 'takes a workspace that cannot be reached for destroyed',
    open: opening((storage) => ({
      destroy: (directory, signal) => whereCutOff(storage.destroy(directory, signal), async () => undefined),
    })),
    breaks: ['cut-off.unavailable'],
  },
  {
    fault: 'makes a workspace below the place where its disk is not mounted',
    open: opening((storage) => ({
      create: (directory, signal) =>
        whereCutOff(storage.create(directory, signal), async () => {
          await mkdir(directory.location, { recursive: true });
        }),
    })),
    breaks: ['cut-off.unavailable'],
  },
  {
    fault: 'says that nothing of an upload has arrived while it cannot be reached',
    open: opening((storage) => ({
      uploadedBytes: (directory, uploadId, signal) =>
        whereCutOff(storage.uploadedBytes(directory, uploadId, signal), async () => 0),
    })),
    breaks: ['cut-off.unavailable'],
  },
  {
    fault: 'says that it works while its files cannot be reached',
    open: opening((storage) => ({
      check: async (signal) => ({ ...(await storage.check(signal)), connected: true }),
    })),
    breaks: ['check.cut-off'],
  },
];
