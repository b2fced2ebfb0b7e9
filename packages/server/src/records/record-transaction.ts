import type {
  DatabaseTransaction,
  JobRow,
  NewRow,
  ShareRow,
  UserRow,
  Where,
  WorkspaceRow,
} from '@user-workspaces/contract';
import { isActive, viewJob } from '../views/job.js';
import { type ShareRows, viewShare } from '../views/share.js';
import { viewWorkspace } from '../views/workspace.js';
import { type Actor, type AuditEvent, insertAuditEntry } from './audit.js';
import { appendEvent, type NewEvent, type Pending } from './journal.js';
import { StaleRowError } from './stale-row-error.js';

type WorkspaceChanges = Partial<Omit<NewRow<'workspaces'>, 'version'>>;
type JobChanges = Partial<Omit<NewRow<'jobs'>, 'version'>>;
type ShareChanges = Partial<NewRow<'shares'>>;

/**
 * The writes that services and the reconciler make. Each change of a workspace, job or share raises its version and
 * stores its event, and what the user has used of disk space and core hours is kept in step.
 */
export interface RecordTransaction {
  readonly rows: DatabaseTransaction;
  readonly nowMs: number;
  insertWorkspace(row: Omit<NewRow<'workspaces'>, 'version'>): Promise<WorkspaceRow>;
  /** @throws StaleRowError when the row changed since `row` was read. */
  changeWorkspace(row: WorkspaceRow, changes: WorkspaceChanges): Promise<WorkspaceRow>;
  /** Changes what only the reconciler needs (leases, due times): no event, no new version. */
  touchWorkspace(row: WorkspaceRow, changes: WorkspaceChanges): Promise<WorkspaceRow>;
  removeWorkspace(row: WorkspaceRow): Promise<void>;
  insertJob(row: Omit<NewRow<'jobs'>, 'version'>): Promise<JobRow>;
  /** @throws StaleRowError */
  changeJob(row: JobRow, changes: JobChanges): Promise<JobRow>;
  /** As {@link touchWorkspace}. @throws StaleRowError */
  touchJob(row: JobRow, changes: JobChanges): Promise<JobRow>;
  /** As {@link changeJob}, and warns its user with an event of its own. @throws StaleRowError */
  warnOfIdleStop(row: JobRow, idleStopAtMs: number): Promise<JobRow>;
  insertShare(row: NewRow<'shares'>): Promise<ShareRow>;
  changeShare(row: ShareRow, changes: ShareChanges): Promise<ShareRow>;
  touchShare(row: ShareRow, changes: ShareChanges): Promise<ShareRow>;
  /** Removes the share and tells both sides. @throws StaleRowError */
  removeShare(row: ShareRow): Promise<void>;
  /** Tells of this transaction in the audit log. */
  audit(actor: Actor, event: AuditEvent): Promise<void>;
  /** A share with its workspaces and users; `undefined` if the copy is gone. */
  joinShare(share: ShareRow): Promise<ShareRows | undefined>;
}

export function recordTransaction(rows: DatabaseTransaction, nowMs: number, pending: Pending): RecordTransaction {
  const event = async (userId: number, subjectId: number, newEvent: NewEvent): Promise<void> => {
    pending.userIds.add(userId);
    await appendEvent(rows, userId, subjectId, newEvent, nowMs);
  };
  const noteDue = (changes: { due_at_ms?: number | null }): void => {
    if (changes.due_at_ms != null) pending.isDue = true;
  };
  /** A copy that its receiver has not accepted is no workspace of theirs yet. */
  const workspaceEvent = async (row: WorkspaceRow): Promise<void> => {
    if (row.is_listed) await event(row.user_id, row.id, { type: 'workspace.changed', workspace: viewWorkspace(row) });
  };
  const shareEvent = async (share: ShareRow): Promise<void> => {
    const joined = await joinShare(share);
    if (!joined) return;
    for (const userId of new Set([share.sender_user_id, share.receiver_user_id])) {
      await event(userId, share.shared_workspace_id, { type: 'share.changed', share: viewShare(joined, userId) });
    }
  };
  const joinShare = async (share: ShareRow): Promise<ShareRows | undefined> => {
    const copy = await rows.findOne('workspaces', { id: share.shared_workspace_id });
    const users = await rows.find('users', { where: { id: { in: [share.sender_user_id, share.receiver_user_id] } } });
    const user = (id: number): UserRow | undefined => users.find((candidate) => candidate.id === id);
    const sender = user(share.sender_user_id);
    const receiver = user(share.receiver_user_id);
    if (!copy || !sender || !receiver) return undefined;
    const original =
      share.original_workspace_id === null
        ? undefined
        : await rows.findOne('workspaces', { id: share.original_workspace_id });
    return { share, original, copy, sender, receiver };
  };
  const addUsed = async (
    userId: number,
    column: 'used_disk_space_bytes' | 'used_core_hours',
    by: number,
  ): Promise<void> => {
    if (by !== 0) await rows.increment('users', userId, column, by);
  };
  const workspaceWrite = async (row: WorkspaceRow, changes: Partial<NewRow<'workspaces'>>): Promise<WorkspaceRow> => {
    const where: Where<'workspaces'> = { id: row.id, version: row.version, lease_fence: row.lease_fence };
    if ((await rows.update('workspaces', where, changes)) !== 1)
      throw new StaleRowError(`Workspace ${row.id} changed.`);
    noteDue(changes);
    const changed = { ...row, ...changes };
    await addUsed(row.user_id, 'used_disk_space_bytes', countedBytes(changed) - countedBytes(row));
    return changed;
  };
  const jobWrite = async (row: JobRow, changes: Partial<NewRow<'jobs'>>): Promise<JobRow> => {
    // That a launch begins is written under its lease and without a new version: who has not seen it must not end the job as one that was never launched.
    const { id, version, lease_fence, launch_begun } = row;
    const where: Where<'jobs'> = { id, version, lease_fence, launch_begun };
    if ((await rows.update('jobs', where, changes)) !== 1) throw new StaleRowError(`Job ${row.id} changed.`);
    noteDue(changes);
    const changed = { ...row, ...changes };
    pending.jobs.set(row.id, changed);
    if (isActive(row) && !isActive(changed)) {
      pending.ended.push(changed);
      await addUsed(row.user_id, 'used_core_hours', changed.core_hours);
    }
    return changed;
  };
  const shareWrite = async (row: ShareRow, changes: ShareChanges, further: Where<'shares'> = {}): Promise<ShareRow> => {
    const where: Where<'shares'> = { id: row.id, lease_fence: row.lease_fence, work: row.work, ...further };
    if ((await rows.update('shares', where, changes)) !== 1) throw new StaleRowError(`Share ${row.id} changed.`);
    noteDue(changes);
    return { ...row, ...changes };
  };

  const changeJob = async (row: JobRow, changes: JobChanges): Promise<JobRow> => {
    const changed = await jobWrite(row, { ...changes, version: row.version + 1 });
    await event(row.user_id, row.id, { type: 'job.changed', job: viewJob(changed, nowMs) });
    return changed;
  };

  return {
    rows,
    nowMs,
    joinShare,
    async audit(actor, auditEvent) {
      pending.audited.push({ action: auditEvent.action, outcome: auditEvent.outcome ?? 'done' });
      await insertAuditEntry(rows, nowMs, actor, auditEvent);
    },
    async insertWorkspace(row) {
      const inserted = await rows.insert('workspaces', { ...row, version: 1 });
      noteDue(row);
      await addUsed(row.user_id, 'used_disk_space_bytes', countedBytes(inserted));
      await workspaceEvent(inserted);
      return inserted;
    },
    async changeWorkspace(row, changes) {
      const changed = await workspaceWrite(row, { ...changes, version: row.version + 1 });
      await workspaceEvent(changed);
      return changed;
    },
    touchWorkspace: workspaceWrite,
    async removeWorkspace(row) {
      // Locked, so that what it counts for is what it counts for now.
      const present = await rows.lock('workspaces', row.id);
      if (!present || (await rows.remove('workspaces', { id: row.id, lease_fence: row.lease_fence })) !== 1) {
        throw new StaleRowError(`Workspace ${row.id} changed.`);
      }
      await addUsed(row.user_id, 'used_disk_space_bytes', -countedBytes(present));
      if (row.is_listed) await event(row.user_id, row.id, { type: 'workspace.deleted', workspace_id: row.id });
    },
    async insertJob(row) {
      const inserted = await rows.insert('jobs', { ...row, version: 1 });
      noteDue(row);
      pending.jobs.set(inserted.id, inserted);
      await event(row.user_id, inserted.id, { type: 'job.changed', job: viewJob(inserted, nowMs) });
      return inserted;
    },
    changeJob,
    touchJob: jobWrite,
    async warnOfIdleStop(row, idleStopAtMs) {
      const changed = await changeJob(row, { idle_stop_at_ms: idleStopAtMs });
      await event(row.user_id, row.id, { type: 'job.idle_warning', job: viewJob(changed, nowMs) });
      return changed;
    },
    async insertShare(row) {
      const inserted = await rows.insert('shares', row);
      noteDue(row);
      await shareEvent(inserted);
      return inserted;
    },
    async changeShare(row, changes) {
      // It may be accepted without its lease: both sides would be told that it is not.
      const changed = await shareWrite(row, changes, { is_accepted: row.is_accepted });
      await shareEvent(changed);
      return changed;
    },
    touchShare: (row, changes) => shareWrite(row, changes),
    async removeShare(row) {
      if ((await rows.remove('shares', { id: row.id, lease_fence: row.lease_fence })) !== 1) {
        throw new StaleRowError(`Share ${row.id} changed.`);
      }
      for (const userId of new Set([row.sender_user_id, row.receiver_user_id])) {
        await event(userId, row.shared_workspace_id, {
          type: 'share.deleted',
          shared_workspace_id: row.shared_workspace_id,
        });
      }
    },
  };
}

/** What a workspace counts for in its user's disk space: a copy that was not accepted yet counts for nothing. */
function countedBytes(row: Pick<WorkspaceRow, 'is_listed' | 'disk_space_bytes'>): number {
  return row.is_listed ? row.disk_space_bytes : 0;
}
