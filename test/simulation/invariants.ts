import type { EventRow, JobRow, ShareRow, UserRow, WorkspaceRow } from '@user-workspaces/contract';
import { isActive, viewJob } from '../../packages/server/src/views/job.js';
import { viewWorkspace } from '../../packages/server/src/views/workspace.js';
import type { Change } from './model-database.js';
import type { Launch, ResourceEvents } from './model-resource.js';
import type { Models } from './models.js';
import { idle } from './replica.js';
import type { Actor, World } from './world.js';

/** What was found to be wrong, each with the step at which it was. */
export class Violations {
  readonly found: string[] = [];
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  add(sentence: string): void {
    this.found.push(`${sentence} (step ${this.#world.steps}, ${(this.#world.elapsedMs / 1000).toFixed(3)} s)`);
    this.#world.remark(`VIOLATION: ${sentence}`);
  }
}

const order: Readonly<Record<JobRow['status'], number>> = {
  pending: 0,
  running: 1,
  stopping: 2,
  complete: 3,
  failed: 3,
};

/** Checks that hold of every commit, at the moment at which it happens. */
export function watchCommits(models: Models, world: World): (changes: readonly Change[]) => void {
  const lastSeq = new Map<number, number>();
  /** The last event of each subject, for each user. */
  const lastEvents = new Map<string, Told>();
  const made = new Map<string, string>();
  /** When the user of a job was warned last. */
  const warnedAtMs = new Map<number, number>();
  const { violations } = models;
  const nameOf = (userId: number, kind: string, subjectId: number): string => `${userId} ${kind} ${subjectId}`;

  const takeEvent = (row: EventRow): void => {
    const expected = (lastSeq.get(row.user_id) ?? 0) + 1;
    if (row.seq !== expected) violations.add(`user ${row.user_id} has event ${row.seq} where ${expected} is next`);
    lastSeq.set(row.user_id, row.seq);
    const told: Told = JSON.parse(row.payload);
    if (told.id !== row.seq || told.type !== row.type)
      violations.add(`event ${row.seq} of user ${row.user_id} says it is another`);
    if (row.type === 'job.idle_warning') warnedAtMs.set(row.subject_id, world.nowMs);
    const [kind = ''] = row.type.split('.');
    lastEvents.set(nameOf(row.user_id, kind, row.subject_id), told);
  };

  const checkUser = (row: UserRow): void => {
    const seq = lastSeq.get(row.id) ?? 0;
    if (row.event_seq !== seq) violations.add(`user ${row.id} counts ${row.event_seq} events and has ${seq}`);
  };

  const checkSums = (userId: number): void => {
    const { users, workspaces, jobs } = models.database.rows;
    const user = users.get(userId);
    let bytes = 0;
    let hours = 0;
    for (const row of workspaces.values()) if (row.user_id === userId && row.is_listed) bytes += row.disk_space_bytes;
    for (const row of jobs.values()) if (row.user_id === userId && !isActive(row)) hours += row.core_hours;
    if (user && user.used_disk_space_bytes !== bytes) {
      violations.add(`user ${userId} is charged for ${user.used_disk_space_bytes} bytes and has ${bytes}`);
    }
    if (user && Math.abs(user.used_core_hours - hours) > 1e-9) {
      violations.add(`user ${userId} is charged for ${user.used_core_hours} core hours and used ${hours}`);
    }
  };

  const checkWorkspace = (before: WorkspaceRow | undefined, after: WorkspaceRow | undefined): void => {
    const row = after ?? before;
    if (!row) return;
    const told = lastEvents.get(nameOf(row.user_id, 'workspace', row.id));
    if (!after) {
      if (row.is_listed && told?.type !== 'workspace.deleted')
        violations.add(`nobody was told that workspace ${row.id} is gone`);
    } else if (after.is_listed && !isSame(told?.workspace, viewWorkspace(after))) {
      violations.add(`the last event of workspace ${row.id} is not its row`);
    }
  };

  const checkActivity = (workspaceId: number): void => {
    const { workspaces, jobs } = models.database.rows;
    const row = workspaces.get(workspaceId);
    if (!row || (row.status !== 'active' && row.status !== 'idle')) return;
    let isUsed = false;
    for (const job of jobs.values()) isUsed ||= job.workspace_id === workspaceId && isActive(job);
    if ((row.status === 'active') !== isUsed)
      violations.add(`workspace ${workspaceId} is ${row.status} and ${isUsed ? 'has' : 'has no'} jobs`);
  };

  const checkJob = (before: JobRow | undefined, after: JobRow | undefined): void => {
    if (!after) {
      violations.add(`job ${before?.id} was removed`);
      return;
    }
    if (
      !isSame(
        withoutTime(lastEvents.get(nameOf(after.user_id, 'job', after.id))?.job),
        withoutTime(viewJob(after, world.nowMs)),
      )
    ) {
      violations.add(`the last event of job ${after.id} is not its row`);
    }
    if (before) checkJobStep(before, after);
    const launch = launchOf(models, after);
    if (!isActive(after) && launch && (launch.state === 'queued' || launch.state === 'running')) {
      violations.add(
        `job ${after.id} has ${after.status} (${after.status_reason}) while its launch is ${launch.state}`,
      );
    }
  };

  const checkJobStep = (before: JobRow, after: JobRow): void => {
    const isBack = order[after.status] < order[before.status] || (!isActive(before) && before.status !== after.status);
    if (isBack) violations.add(`job ${after.id} went back from ${before.status} to ${after.status}`);
    const fixed = ['launch_key', 'user_id', 'workspace_id', 'resource'] as const;
    for (const name of fixed)
      if (before[name] !== after[name]) violations.add(`the ${name} of job ${after.id} changed`);
    if (before.launch_begun && !after.launch_begun) violations.add(`the launch of job ${after.id} was taken back`);
    if (before.resource_handle !== null && after.resource_handle !== before.resource_handle) {
      violations.add(`job ${after.id} has another handle`);
    }
    if (before.stop_reason !== 'idle' && after.stop_reason === 'idle') checkIdleStop(before);
    if (after.version < before.version) violations.add(`the version of job ${after.id} went back`);
    if (!isActive(before) && (before.ended_at_ms !== after.ended_at_ms || before.exit_code !== after.exit_code)) {
      violations.add(`job ${after.id} ended twice`);
    }
  };

  /** Who was warned and has used the session since, as far as that is stored, keeps it; who was not warned keeps it, too. */
  const checkIdleStop = (before: JobRow): void => {
    const { id, idle_stop_at_ms, last_activity_at_ms, started_at_ms } = before;
    if (idle_stop_at_ms === null) violations.add(`job ${id} was stopped as idle without a warning`);
    else if (Math.max(last_activity_at_ms ?? 0, started_at_ms ?? 0) > idle_stop_at_ms - idle.warningMs) {
      violations.add(`job ${id} was stopped as idle and has been used since the warning`);
    }
    const warned = warnedAtMs.get(id);
    if (warned === undefined) violations.add(`nobody was told that job ${id} is idle before it was stopped`);
    else if (warned > world.clocksWrongUntilMs && world.nowMs < (idle_stop_at_ms ?? 0)) {
      violations.add(`job ${id} was stopped as idle before the time that its user was told`);
    }
  };

  const checkShare = (before: ShareRow | undefined, after: ShareRow | undefined): void => {
    const row = after ?? before;
    if (!row) return;
    for (const userId of [row.sender_user_id, row.receiver_user_id]) {
      const told = lastEvents.get(nameOf(userId, 'share', row.shared_workspace_id));
      if (!after) {
        if (told?.type !== 'share.deleted') violations.add(`user ${userId} was not told that share ${row.id} is gone`);
        continue;
      }
      const originalId = after.original_workspace_id;
      if (
        told?.share?.is_accepted !== after.is_accepted ||
        (told.share.original_workspace_id?.id ?? null) !== originalId
      ) {
        violations.add(`the last event of share ${row.id} for user ${userId} is not its row`);
      }
      const copy = models.database.rows.workspaces.get(after.shared_workspace_id);
      const isGoing = after.work === 'delete' || copy?.status === 'deleting';
      const status = copy?.status === 'error' ? 'error' : after.work === 'copy' ? 'copying' : 'copied';
      if (!isGoing && told?.share?.status !== status)
        violations.add(`user ${userId} was told that share ${row.id} is ${told?.share?.status}, and it is ${status}`);
    }
  };

  /** What a request with an idempotency key makes is named by that key. */
  const checkOnce = (kind: string, name: unknown, id: number): void => {
    if (typeof name !== 'string') return;
    const key = `${kind} ${name}`;
    const other = made.get(key);
    if (other !== undefined && other !== String(id)) violations.add(`${key} was made twice, as ${other} and ${id}`);
    made.set(key, String(id));
  };

  return (changes) => {
    const events = changes.flatMap((change) =>
      change.table === 'events' && !change.before && change.after ? [change.after] : [],
    );
    for (const row of events.sort((a, b) => a.user_id - b.user_id || a.seq - b.seq)) takeEvent(row);
    const userIds = new Set<number>();
    const workspaceIds = new Set<number>();
    for (const change of changes) {
      switch (change.table) {
        case 'users':
          if (change.after) checkUser(change.after);
          userIds.add(change.after?.id ?? 0);
          break;
        case 'workspaces':
          if (!change.before && change.after?.is_listed) checkOnce('workspace', change.after.name, change.after.id);
          if (!change.after && change.before?.status === 'initializing') made.delete(`workspace ${change.before.name}`);
          checkWorkspace(change.before, change.after);
          workspaceIds.add(change.after?.id ?? 0);
          userIds.add((change.after ?? change.before)?.user_id ?? 0);
          break;
        case 'jobs':
          if (!change.before && change.after) checkOnce('job', change.after.request_details.tag, change.after.id);
          checkJob(change.before, change.after);
          workspaceIds.add(change.after?.workspace_id ?? 0);
          userIds.add(change.after?.user_id ?? 0);
          break;
        case 'shares':
          if (!change.before && change.after) {
            checkOnce(
              'share',
              `${change.after.original_workspace_id} for ${change.after.receiver_user_id}`,
              change.after.id,
            );
          }
          checkShare(change.before, change.after);
          break;
      }
    }
    for (const id of userIds) checkSums(id);
    for (const id of workspaceIds) checkActivity(id);
  };
}

/** Checks at each launch, at the moment at which it is asked for or begins to run. */
export function watchLaunches(models: Models): ResourceEvents {
  /** By process: one that sleeps just before it asks does so after another has; the contract makes the two one launch. */
  const asked = new Map<string, Actor>();
  const starts = new Map<string, number>();
  const rowOf = (key: string): JobRow | undefined => {
    for (const row of models.database.rows.jobs.values()) if (row.launch_key === key) return row;
    return undefined;
  };
  return {
    launchAsked(key, by) {
      const row = rowOf(key);
      if (!row?.launch_begun)
        models.violations.add(`a launch of job ${row?.id} is asked for, and its row does not say so`);
      if (asked.get(key) === by)
        models.violations.add(`a launch of job ${row?.id} is asked for again without a look whether it is there`);
      asked.set(key, by);
    },
    observed(key, { kind }) {
      if (kind === 'absent') asked.delete(key);
    },
    started({ key, jobId }) {
      const count = (starts.get(key) ?? 0) + 1;
      starts.set(key, count);
      if (count > 1) models.violations.add(`job ${jobId} was started ${count} times`);
      const row = rowOf(key);
      if (!row || !isActive(row)) models.violations.add(`job ${jobId} begins to run when its row is ${row?.status}`);
    },
  };
}

/** What became of a job in the world. */
export function launchOf(models: Models, row: JobRow): Launch | undefined {
  return models.resources.find(({ name }) => name === row.resource)?.launches.get(row.launch_key);
}

/** An event as it was sent. */
interface Told {
  readonly id: number;
  readonly type: string;
  readonly workspace?: unknown;
  readonly job?: unknown;
  readonly share?: {
    readonly is_accepted: boolean;
    readonly status: string;
    readonly original_workspace_id: { readonly id: number } | null;
  };
}

function isSame(left: unknown, right: unknown): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}

/** A job as shown, without what passes by itself, and without the last use of its session, which sends no event. */
function withoutTime(job: unknown): unknown {
  const untold = ['time_left', 'datetime_last_activity'];
  return JSON.parse(JSON.stringify(job ?? null, (name, value) => (untold.includes(name) ? undefined : value)));
}
