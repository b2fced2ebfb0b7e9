import assert from 'node:assert/strict';
import type { Database } from '@user-workspaces/contract';
import type { Program } from '../../faults/programs.js';
import type { Check, Guarantee, World } from '../../guarantee.js';
import type { DatabaseTask } from './program.js';

/** What a database may lack. */
export type DatabaseCapability = 'replicas' | 'programs' | 'fullDisk' | 'lostCommits' | 'clock';

/** A database to be tried: empty, without tables, and for this test alone. */
export interface DatabaseWorld extends World {
  readonly database: Database;
  /** Opens the same rows once more, as another server process would, or, without `replicas`, as the server does after a restart. To be closed with the world. */
  reopen(): Promise<Database>;
  /**
   * With `programs`: starts a program that opens the same rows and hands them to {@link runDatabaseTask}.
   *
   * @example
   * // program.mjs
   * await runDatabaseTask(await openMyDatabase(process.argv[2]), process.argv[3], Number(process.argv[4]));
   * // the world
   * start: (task, times) => startProgram(new URL('program.mjs', import.meta.url), [address, task, String(times)])
   */
  readonly start?: (task: DatabaseTask, times: number) => Promise<Program>;
  /** With `fullDisk`: opens another empty database, on a disk that can be filled. To be closed with the world. */
  readonly openOnSmallDisk?: () => Promise<DatabaseOnSmallDisk>;
  /**
   * With `lostCommits`: opens the same rows once more, by a connection that can be broken. To be closed with the world.
   *
   * @example
   * async openOnBreakingLine() {
   *   const line = await openBreakingLine('127.0.0.1', port);
   *   const database = createMyDatabase({ ...options, port: line.port });
   *   closing.unshift(() => database.close(), () => line.close());
   *   return {
   *     database,
   *     breakNow: () => line.breakNow(),
   *     // The word alone: a transaction may begin with READ COMMITTED.
   *     breakAtCommit: (when) => line.breakAt(when, (piece) => /\bCOMMIT\b/.test(piece.toString('latin1'))),
   *   };
   * }
   */
  readonly openOnBreakingLine?: () => Promise<DatabaseOnBreakingLine>;
}

export interface DatabaseOnSmallDisk {
  readonly database: Database;
  fill(): Promise<void>;
  free(): Promise<void>;
}

export interface DatabaseOnBreakingLine {
  readonly database: Database;
  /** Breaks its connections; new ones can be made. */
  breakNow(): void;
  /**
   * Breaks its connection once, at its next commit: before the database hears of it, or after it is done and before the answer arrives.
   *
   * @returns whether it has broken, to be asked afterwards.
   */
  breakAtCommit(when: 'before' | 'after'): () => boolean;
}

export type DatabaseGuarantee = Guarantee<DatabaseWorld, DatabaseCapability>;

/** A check on a database that has its tables. */
export function withTables(check: Check<DatabaseWorld>): Check<DatabaseWorld> {
  return async (world, tools) => {
    await world.database.migrate();
    await check(world, tools);
  };
}

/** A part of the world that comes with a capability. */
export function offered<P>(part: P | undefined, capability: DatabaseCapability): P {
  assert.ok(part !== undefined, `The world does not offer what "${capability}" takes, nor is the difference declared.`);
  return part;
}
