import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Database } from '@user-workspaces/contract';
import {
  type AdapterUnderTest,
  type DatabaseCapability,
  type DatabaseWorld,
  makeSmallDisk,
  smallDiskObstacle,
} from '@user-workspaces/testkit';
import { openJournalDatabase } from './database.js';

const noSmallDisk = await smallDiskObstacle();

async function open(): Promise<DatabaseWorld> {
  const directory = await mkdtemp(join(tmpdir(), 'uws-journal-'));
  const closing: (() => Promise<void>)[] = [() => rm(directory, { recursive: true })];
  const openAt = async (file: string): Promise<Database> => {
    const database = await openJournalDatabase({ file });
    closing.unshift(() => database.close());
    return database;
  };
  const file = join(directory, 'journal');
  let copies = 0;
  return {
    database: await openAt(file),
    // A second server on the same file is refused. So this one gets a copy of what is on disk at this moment, which is what it would find after a restart.
    async reopen() {
      copies += 1;
      await copyFile(file, `${file}-${copies}`);
      return openAt(`${file}-${copies}`);
    },
    async openOnSmallDisk() {
      const disk = await makeSmallDisk(4 * 1024 * 1024);
      closing.unshift(disk.remove);
      return { database: await openAt(join(disk.directory, 'journal')), fill: disk.fill, free: disk.free };
    },
    async close() {
      for (const close of closing) await close();
    },
  };
}

export const journalDatabase: AdapterUnderTest<DatabaseWorld, DatabaseCapability> = {
  name: 'rows in memory and a journal',
  open,
  differences: {
    replicas: 'The rows are in the memory of one process.',
    lostCommits: 'The journal is a file of this process: there is no connection that could be lost.',
    clock: 'Its only server shares the clock of its machine.',
    programs: 'A second process is refused; journal-database.test.ts kills one.',
    ...(noSmallDisk !== undefined && { fullDisk: noSmallDisk }),
  },
};
