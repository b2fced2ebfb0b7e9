import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { AdapterError, type Storage } from '@user-workspaces/contract';
import type { StorageWorld } from '@user-workspaces/testkit';
import type { Mutant } from '../mutants.js';
import { opening } from './opening.js';

interface Found {
  readonly name: string;
  readonly path: string;
  readonly isDirectory: boolean;
}

/** Everything in the directories of accounts, found behind the storage's back. */
async function foundBelow(storage: Storage): Promise<Found[]> {
  // Where it is: `<root>/<account>/<number>`.
  const root = join(storage.locate({ name: 'x', uid: null, gid: null }, 1), '../..');
  const accounts = (await readdir(root)).filter((name) => !name.startsWith('.'));
  const found = accounts.map(async (account) => {
    const entries = await readdir(join(root, account), { withFileTypes: true });
    return entries.map((entry) => ({
      name: entry.name,
      path: join(root, account, entry.name),
      isDirectory: entry.isDirectory(),
    }));
  });
  return (await Promise.all(found)).flat();
}

/** Tells another number than the shipped storage, which sees first whether anything can be told at all. */
const telling = (tell: (storage: Storage, highest: number) => Promise<number>) =>
  opening((storage) => ({
    highestId: async (signal) => tell(storage, (await storage.highestId?.(signal)) ?? 0),
  }));

/** What is wrong with the highest number of a workspace. */
export const numberMutants: readonly Mutant<StorageWorld>[] = [
  {
    fault: 'compares the numbers of workspaces as texts',
    open: telling(async (storage) => {
      const names = (await foundBelow(storage)).filter(({ isDirectory }) => isDirectory).map(({ name }) => name);
      return Number(
        names
          .filter((name) => /^[1-9][0-9]*$/.test(name))
          .toSorted()
          .at(-1) ?? 0,
      );
    }),
    breaks: ['highest-id.counts'],
  },
  {
    fault: 'does not count workspaces that are empty',
    open: telling(async (storage) => {
      let highest = 0;
      for (const { name, path, isDirectory } of await foundBelow(storage)) {
        if (!isDirectory || !/^[1-9][0-9]*$/.test(name)) continue;
        if ((await readdir(path)).length > 0) highest = Math.max(highest, Number(name));
      }
      return highest;
    }),
    breaks: ['highest-id.counts'],
  },
  {
    fault: 'knows of the workspaces alone that it has made itself',
    open: opening((storage) => {
      const own = new Set<number>();
      const numberOf = (location: string): number => Number(location.slice(location.lastIndexOf('/') + 1));
      return {
        async create(directory, signal) {
          await storage.create(directory, signal);
          own.add(numberOf(directory.location));
        },
        async highestId(signal) {
          const highest = (await storage.highestId?.(signal)) ?? 0;
          return own.has(highest) ? highest : Math.max(0, ...[...own].filter((number) => number < highest));
        },
      };
    }),
    breaks: ['highest-id.counts', 'highest-id.half-destroyed'],
  },
  {
    fault: 'takes files and links for workspaces',
    open: telling(async (storage, highest) => {
      const others = (await foundBelow(storage)).filter(({ isDirectory }) => !isDirectory);
      return Math.max(highest, ...others.map(({ name }) => Number(name)));
    }),
    breaks: ['highest-id.only-workspaces'],
  },
  {
    fault: 'takes a directory in a workspace for another workspace',
    open: telling(async (storage, highest) => {
      const names = (await foundBelow(storage)).map(({ path, isDirectory }) => (isDirectory ? readdir(path) : []));
      const numbers = (await Promise.all(names)).flat().filter((name) => /^[0-9]+$/.test(name));
      return Math.max(highest, ...numbers.map(Number));
    }),
    breaks: ['highest-id.only-workspaces'],
  },
  {
    fault: 'does not count a workspace whose end it has begun',
    open: opening((storage) => {
      const begun = new Set<number>();
      return {
        async destroy(directory, signal) {
          const number = Number(directory.location.slice(directory.location.lastIndexOf('/') + 1));
          begun.add(number);
          await storage.destroy(directory, signal);
          begun.delete(number);
        },
        async highestId(signal) {
          const highest = (await storage.highestId?.(signal)) ?? 0;
          return begun.has(highest) ? 0 : highest;
        },
      };
    }),
    breaks: ['highest-id.half-destroyed'],
  },
  {
    fault: 'says that there is no workspace while its files cannot be reached',
    open: opening((storage) => ({
      highestId: async (signal) => {
        try {
          return (await storage.highestId?.(signal)) ?? 0;
        } catch (error) {
          if (!AdapterError.is(error, 'unavailable')) throw error;
          return 0;
        }
      },
    })),
    breaks: ['cut-off.unavailable'],
  },
  {
    fault: 'counts workspaces to the end for a caller who has gone',
    open: opening((storage) => ({ highestId: async () => (await storage.highestId?.()) ?? 0 })),
    breaks: ['signal.before'],
  },
];
