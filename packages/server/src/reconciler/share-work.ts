import { AdapterError, type ShareRow, type Survey, type WorkspaceRow } from '@user-workspaces/contract';
import type { RecordTransaction } from '../records/record-transaction.js';
import { StaleRowError } from '../records/stale-row-error.js';
import type { ServerContext } from '../server-context.js';
import { settleWorkspace } from '../services/jobs.js';
import { refusalOfCopy } from '../services/shares.js';
import { storageOf } from '../services/workspace-access.js';
import { isPlaceTaken } from '../services/workspaces.js';
import { retryAtMs } from './backoff.js';
import { keepLease, type Lease, released, renewLease, takeLease, whileChecked } from './lease.js';

/** A mail that a mail server has refused for so long is given up, and so is a copy that something other than a storage out of reach has held up. */
const patienceMs = 24 * 60 * 60 * 1000;

/** A refusal of the storage counts after so many attempts: programs that move things about at the same moment can be the cause of one. */
const triesBeforeRefusal = 4;

/** How often a copy that is being made is asked whether anybody wants it. */
const wantedCheckMs = 2_000;

/** What is to be worked with is on its way: a wait, and no failure of anything. */
class NotYet extends Error {
  override readonly name = 'NotYet';
}

/** Copies the files of shares, tells their receivers, removes what was cancelled. */
export async function workOnShare(context: ServerContext, found: ShareRow, signal: AbortSignal): Promise<void> {
  const lease = await takeLease(context, 'shares', found);
  if (!lease) return;
  const row = await context.database.findOne('shares', { id: found.id });
  if (!row || row.lease_fence !== lease.lease_fence) return;
  try {
    await keepLease(context, 'shares', row, signal, (leased) => work(context, row, leased));
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof StaleRowError) await lookAgain(context, row, lease);
    else await retryLater(context, row, lease, error);
  }
}

async function work(context: ServerContext, row: ShareRow, signal: AbortSignal): Promise<void> {
  switch (row.work) {
    case 'copy':
      return copyFiles(context, row, signal);
    case 'delete':
      return removeCopy(context, row, signal);
    case 'none':
      return row.mail_due ? sendMail(context, row, signal) : rest(context, row);
  }
}

async function rest(context: ServerContext, row: ShareRow): Promise<void> {
  await context.journal.transaction((transaction) =>
    transaction.touchShare(row, { ...released, due_at_ms: null, attempts: 0 }),
  );
}

async function copyFiles(context: ServerContext, row: ShareRow, signal: AbortSignal): Promise<void> {
  const { database, journal, step } = context;
  const copy = await database.findOne('workspaces', { id: row.shared_workspace_id });
  if (!copy) return removeCopy(context, row, signal);
  if (isUntouched(row) && (await isPlaceTaken(context, storageOf(context, copy), signal))) {
    return removeCopy(context, row, signal);
  }
  if (copy.status === 'error' || copy.status === 'deleting') return clearUnwanted(context, row, copy, signal);
  const original =
    row.original_workspace_id === null
      ? undefined
      : await database.findOne('workspaces', { id: row.original_workspace_id });
  if (!original) return fail(context, row, copy, 'The workspace that was to be copied is gone.', signal);
  if (original.status === 'error') {
    return fail(
      context,
      row,
      copy,
      `The workspace that was to be copied has no files: ${original.status_reason}`,
      signal,
    );
  }
  if (original.status === 'initializing') {
    throw new NotYet('The workspace that is to be copied is still being made.');
  }
  const from = storageOf(context, original);
  const to = storageOf(context, copy);
  step('before share.copy');
  // Another may have copied it while this process slept, and its receiver may have changed the copy since.
  await renewLease(context, 'shares', row);
  let result: Survey | string;
  try {
    result = await whileWanted(context, row, signal, async (wanted) => {
      const measure = async (): Promise<number> => (await from.storage.survey(from.directory, wanted)).diskSpaceBytes;
      const refusal = await refusalOfCopy(context, row, measure);
      if (refusal !== undefined) return refusal;
      await from.storage.copy(from.directory, to.directory, wanted);
      step('after share.copy');
      return to.storage.survey(to.directory, wanted);
    });
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof StaleRowError || !isHopeless(context, row, error)) throw error;
    context.log.warn({ err: error, shareId: row.id }, 'the copy of a share is given up');
    return fail(
      context,
      row,
      copy,
      reasonOf(error) ?? 'The copy failed for a reason that the server did not foresee.',
      signal,
    );
  }
  if (typeof result === 'string') return fail(context, row, copy, result, signal);
  const { diskSpaceBytes, files, symlinks } = result;
  await journal.transaction(async (transaction) => {
    const { present, share } = await lockCopying(transaction, row, copy);
    const isDeleted = !present || present.status === 'deleting';
    if (present && !isDeleted) {
      await transaction.changeWorkspace(present, {
        status: 'idle',
        status_reason: null,
        disk_space_bytes: diskSpaceBytes,
        current_details: { files, symlinks },
      });
      await settleWorkspace(transaction, copy.id);
    }
    await transaction.changeShare(share, {
      ...released,
      work: 'none',
      attempts: 0,
      due_at_ms: share.mail_due && !isDeleted ? transaction.nowMs : null,
    });
  });
  step('after share.copied');
}

/** Nobody has worked on it before, so what there is in the place of its copy is not of it. */
function isUntouched({ lease_fence }: ShareRow): boolean {
  return lease_fence === 1;
}

/** Runs `work` under a signal that aborts soon after the share was cancelled or its receiver deleted the copy: files may be copied for hours. */
async function whileWanted<R>(
  { clock, database, log }: ServerContext,
  row: ShareRow,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<R>,
): Promise<R> {
  const isWanted = async (): Promise<boolean> => {
    const { id, lease_fence, shared_workspace_id } = row;
    const [shares, copies] = await Promise.all([
      database.count('shares', { id, lease_fence, work: 'copy' }),
      database.count('workspaces', { id: shared_workspace_id, status: { in: ['initializing', 'idle', 'active'] } }),
    ]);
    return shares === 1 && copies === 1;
  };
  const check = async (): Promise<void> => {
    const stillWanted = await isWanted().catch((error: unknown) => {
      // The lease says how long the work may go on without the database.
      log.warn({ err: error, shareId: row.id }, 'whether a copy is still wanted could not be read');
      return true;
    });
    if (!stillWanted) throw new StaleRowError(`Share ${row.id} changed.`);
  };
  return whileChecked(clock, wantedCheckMs, check, signal, async (checked) => {
    try {
      return await work(checked);
    } catch (error) {
      checked.throwIfAborted();
      throw error;
    }
  });
}

/** The copy and the share as they are now, under our lease. @throws StaleRowError */
async function lockCopying(
  transaction: RecordTransaction,
  row: ShareRow,
  copy: WorkspaceRow,
): Promise<{ present: WorkspaceRow | undefined; share: ShareRow }> {
  const present = await transaction.rows.lock('workspaces', copy.id);
  // Its receiver may have accepted it while the files were copied, which takes the lock of the copy too.
  const share = await transaction.rows.findOne('shares', { id: row.id });
  if (share?.lease_fence !== row.lease_fence || share.work !== row.work) {
    throw new StaleRowError(`Share ${row.id} changed.`);
  }
  return { present, share };
}

/**
 * True for an error that trying again will not mend. A storage out of reach is waited for as long as it takes; what a storage refuses ends
 * the copy soon, and what somebody could mend (a full disk, the configuration) after a day.
 */
function isHopeless({ clock }: ServerContext, row: ShareRow, error: unknown): boolean {
  if (AdapterError.is(error, 'unavailable')) return false;
  const isRefusal = (['invalid', 'denied', 'not_found', 'unsupported'] as const).some((kind) =>
    AdapterError.is(error, kind),
  );
  return isRefusal ? row.attempts + 1 >= triesBeforeRefusal : clock.now() - row.created_at_ms > patienceMs;
}

/** The copy will never be made: both sides are told why, and nothing of it counts or stays. */
async function fail(
  context: ServerContext,
  row: ShareRow,
  copy: WorkspaceRow,
  reason: string,
  signal: AbortSignal,
): Promise<void> {
  await context.journal.transaction(async (transaction) => {
    const { present, share } = await lockCopying(transaction, row, copy);
    if (present?.status === 'initializing') {
      await transaction.changeWorkspace(present, {
        status: 'error',
        status_reason: reason,
        disk_space_bytes: 0,
        current_details: { files: [], symlinks: [] },
      });
    }
    // Its work goes on until the files are gone; from here on nobody copies any more.
    await transaction.changeShare(share, { mail_due: false, attempts: 0 });
  });
  await clearUnwanted(context, row, copy, signal);
}

/** Of a copy that failed, or whose receiver accepted it and then deleted it while it was made. */
async function clearUnwanted(
  context: ServerContext,
  row: ShareRow,
  copy: WorkspaceRow,
  signal: AbortSignal,
): Promise<void> {
  await destroyFiles(context, copy, signal);
  await context.journal.transaction((transaction) =>
    transaction.touchShare(row, { ...released, work: 'none', attempts: 0, due_at_ms: null }),
  );
}

async function destroyFiles(context: ServerContext, copy: WorkspaceRow, signal: AbortSignal): Promise<void> {
  const { storage, directory } = storageOf(context, copy);
  context.step('before share.destroy');
  await storage.destroy(directory, signal);
  context.step('after share.destroy');
}

async function removeCopy(context: ServerContext, row: ShareRow, signal: AbortSignal): Promise<void> {
  const { database, journal, step } = context;
  const copy = await database.findOne('workspaces', { id: row.shared_workspace_id });
  if (copy && !isUntouched(row)) await destroyFiles(context, copy, signal);
  await journal.transaction(async (transaction) => {
    await transaction.removeShare(row);
    if (copy) await transaction.removeWorkspace(copy);
  });
  step('after share.removed');
}

/** Sent again after a crash between sending and storing: a second mail does less harm than none. */
async function sendMail(context: ServerContext, row: ShareRow, signal: AbortSignal): Promise<void> {
  const { database, journal, mailer, settings, step } = context;
  const users = await database.find('users', { where: { id: { in: [row.sender_user_id, row.receiver_user_id] } } });
  const sender = users.find((user) => user.id === row.sender_user_id);
  const receiver = users.find((user) => user.id === row.receiver_user_id);
  const copy = await database.findOne('workspaces', { id: row.shared_workspace_id });
  if (mailer && sender && receiver && copy) {
    const name = `${sender.first_name} ${sender.last_name}`.trim() || sender.username;
    const mail = {
      to: receiver.email,
      subject: `${name} shared a workspace with you`.replaceAll(/[\r\n]/g, ' '),
      text: `${name} (${sender.email}) offers you a copy of the workspace "${copy.name}".\n\nAccept or decline it in your list of workspaces: ${settings.publicUrl}\n`,
    };
    step('before share.mail');
    await mailer.send(mail, signal);
    step('after share.mail');
  }
  await journal.transaction((transaction) =>
    transaction.touchShare(row, { ...released, mail_due: false, due_at_ms: null, attempts: 0 }),
  );
}

/** Somebody accepted, cancelled or deleted the share meanwhile: no failure, and what is to be done now may be something else. */
async function lookAgain({ clock, database }: ServerContext, row: ShareRow, lease: Lease): Promise<void> {
  const changes = { ...released, due_at_ms: clock.now() };
  await database.transaction((rows) => rows.update('shares', { id: row.id, lease_fence: lease.lease_fence }, changes));
}

async function retryLater(context: ServerContext, row: ShareRow, lease: Lease, error: unknown): Promise<void> {
  const { clock, journal, log } = context;
  const { id: shareId, work } = row;
  if (error instanceof NotYet) log.info({ shareId, work, reason: error.message }, 'work on a share waits');
  else log.error({ err: error, shareId, work }, 'work on a share failed, will be tried again');
  const isGivenUp = row.work === 'none' && clock.now() - row.created_at_ms > patienceMs;
  const due_at_ms = isGivenUp ? null : retryAtMs(clock, row.attempts);
  await journal.transaction(async (transaction) => {
    const changes = { ...released, due_at_ms, attempts: row.attempts + 1 };
    await transaction.rows.update('shares', { id: row.id, lease_fence: lease.lease_fence }, changes);
    if (row.work !== 'copy') return;
    const copy = await transaction.rows.lock('workspaces', row.shared_workspace_id);
    const reason = reasonOf(error) ?? 'The copy failed and will be tried again.';
    const isWaiting = copy?.status === 'initializing' && copy.status_reason !== reason;
    if (isWaiting) await transaction.changeWorkspace(copy, { status_reason: reason });
  });
}

/** What people may read of an error. */
function reasonOf(error: unknown): string | undefined {
  return AdapterError.is(error) || error instanceof NotYet ? error.message : undefined;
}
