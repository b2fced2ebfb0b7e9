import type { Survey, WorkspaceRow } from '@user-workspaces/contract';
import type { ServerContext } from '../server-context.js';
import { isActive } from '../views/job.js';
import { viewWorkspace } from '../views/workspace.js';
import { retryStale } from './retry-stale.js';
import { storageOf } from './workspace-access.js';

/** How long a workspace without jobs is watched after somebody last cared for it. */
const patienceMs = 5 * 60_000;
const tidyMs = 30_000;

/** So many workspaces are watched at once at most; beyond that the ones longest uncared for are let go. */
const watchLimit = 500;

/**
 * What the events of a workspace may take while only surveys change it: each holds all names, so that a job that writes a log among
 * thousands of files would fill the disk with them. The larger the workspace, the longer is the pause until what was found meanwhile is written.
 */
const eventBytesPerSecond = 10_000;

interface Watched {
  readonly stop: AbortController;
  caredForAtMs: number;
  /** What was found last and is not written yet. */
  found: Survey | undefined;
  isWriting: boolean;
  /** When the next survey may be written, by the clock's `elapsed`. */
  nextWriteMs: number;
}

/** Keeps the disk usage and the file lists of the workspaces that change up to date. */
export class Surveys {
  readonly #context: ServerContext;
  readonly #watched = new Map<number, Watched>();
  readonly #closing = new AbortController();
  readonly #writing = new Set<Promise<void>>();

  constructor(context: ServerContext) {
    this.#context = context;
  }

  /** Watches the workspaces with running jobs, and from now on each whose job runs: one that waits changes no files. */
  async start(): Promise<void> {
    const { database, journal } = this.#context;
    const unsubscribe = journal.onCommitted(({ jobs }) => {
      for (const job of jobs.values()) {
        if (isActive(job) && job.status !== 'pending') this.#followById(job.workspace_id);
      }
    });
    this.#closing.signal.addEventListener('abort', unsubscribe, { once: true });
    const where = { status: { in: ['running', 'stopping'] } } as const;
    const running = await database.find('jobs', { where, orderBy: [['id', 'desc']], limit: watchLimit });
    const ids = new Set(running.map((job) => job.workspace_id));
    for (const row of await database.find('workspaces', { where: { id: { in: [...ids] } } })) this.follow(row);
    void this.#tidyForever();
  }

  /** Watches a workspace for a while: its files were changed, or somebody looks at it. */
  follow(row: WorkspaceRow): void {
    const nowMs = this.#context.clock.elapsed();
    const present = this.#watched.get(row.id);
    if (present) {
      present.caredForAtMs = nowMs;
      return;
    }
    if (this.#closing.signal.aborted || row.status === 'deleting' || row.status === 'error' || row.location === '')
      return;
    if (this.#watched.size >= watchLimit) this.#letOldestGo();
    const stop = new AbortController();
    const watched: Watched = { stop, caredForAtMs: nowMs, found: undefined, isWriting: false, nextWriteMs: 0 };
    this.#watched.set(row.id, watched);
    const { storage, directory } = storageOf(this.#context, row);
    const signal = AbortSignal.any([stop.signal, this.#closing.signal]);
    storage.watch(directory, (survey) => this.#take(row.id, watched, survey, signal), signal);
  }

  /** Watches no longer: the workspace is going. */
  forget(workspaceId: number): void {
    this.#watched.get(workspaceId)?.stop.abort();
    this.#watched.delete(workspaceId);
  }

  /** Resolves when what was found is written. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#watched.clear();
    await Promise.all(this.#writing);
  }

  #followById(workspaceId: number): void {
    const present = this.#watched.get(workspaceId);
    if (present) {
      present.caredForAtMs = this.#context.clock.elapsed();
      return;
    }
    this.#context.database
      .findOne('workspaces', { id: workspaceId })
      .then((row) => row && this.follow(row))
      .catch((error: unknown) =>
        this.#context.log.warn({ err: error, workspaceId }, 'a workspace could not be watched'),
      );
  }

  #letOldestGo(): void {
    const [oldest] = [...this.#watched].sort(([, a], [, b]) => a.caredForAtMs - b.caredForAtMs);
    if (oldest) this.forget(oldest[0]);
  }

  #take(workspaceId: number, watched: Watched, survey: Survey, signal: AbortSignal): void {
    watched.found = survey;
    if (watched.isWriting) return;
    watched.isWriting = true;
    const writing = this.#writeFound(workspaceId, watched, signal).finally(() => {
      watched.isWriting = false;
      this.#writing.delete(writing);
    });
    this.#writing.add(writing);
  }

  /** Writes what was found last, until nothing is left: at the pace that the workspace's size allows, or at once when it is watched no longer. */
  async #writeFound(workspaceId: number, watched: Watched, signal: AbortSignal): Promise<void> {
    const { clock } = this.#context;
    while (watched.found) {
      const pauseMs = watched.nextWriteMs - clock.elapsed();
      if (pauseMs > 0) await clock.sleep(pauseMs, signal);
      const survey = watched.found;
      watched.found = undefined;
      const bytes = await this.#write(workspaceId, survey);
      watched.nextWriteMs = clock.elapsed() + (1_000 * bytes) / eventBytesPerSecond;
    }
  }

  /** @returns what the event of the change takes. */
  async #write(workspaceId: number, survey: Survey): Promise<number> {
    const current_details = { files: survey.files, symlinks: survey.symlinks };
    try {
      return await retryStale(() =>
        this.#context.journal.transaction(async (transaction) => {
          const row = await transaction.rows.lock('workspaces', workspaceId);
          if (row?.status !== 'idle' && row?.status !== 'active') return 0;
          const isSame =
            row.disk_space_bytes === survey.diskSpaceBytes &&
            JSON.stringify(row.current_details) === JSON.stringify(current_details);
          if (isSame) return 0;
          const changes = { disk_space_bytes: survey.diskSpaceBytes, current_details };
          const changed = await transaction.changeWorkspace(row, changes);
          return Buffer.byteLength(JSON.stringify(viewWorkspace(changed)));
        }),
      );
    } catch (error) {
      this.#context.log.warn({ err: error, workspaceId }, 'a survey could not be stored, the next change will be');
      return 0;
    }
  }

  async #tidyForever(): Promise<void> {
    const { clock, database, log } = this.#context;
    const { signal } = this.#closing;
    while (!signal.aborted) {
      await clock.sleep(tidyMs, signal);
      const due = [...this.#watched].filter(([, { caredForAtMs }]) => caredForAtMs < clock.elapsed() - patienceMs);
      if (due.length === 0) continue;
      try {
        const ids = due.map(([id]) => id);
        const active = await database.find('workspaces', { where: { id: { in: ids }, status: 'active' } });
        const activeIds = new Set(active.map((row) => row.id));
        for (const id of ids) if (!activeIds.has(id)) this.forget(id);
      } catch (error) {
        log.warn({ err: error }, 'watched workspaces could not be tidied');
      }
    }
  }
}
