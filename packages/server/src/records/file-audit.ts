import { TokenBuckets } from '../limits/token-buckets.js';
import type { Actor, AuditAction, AuditEvent } from './audit.js';
import type { RecordTransaction } from './record-transaction.js';

/** So many entries of one user are written at once, and get back evenly within a day; more are only counted. */
const perDay = 20_000;
/** So many paths are told of one request: a form may hold a thousand files. */
const pathsTold = 10;
/** So many bytes are told of all paths of an entry, one of which may have 4,096. */
const bytesTold = 1_000;
const dayMs = 24 * 60 * 60_000;

/** What a request did to files of a workspace. */
export type FileChange =
  | { readonly action: 'file.write'; readonly paths: readonly string[] }
  | { readonly action: 'file.delete'; readonly path: string }
  | { readonly action: 'file.rename'; readonly from: string; readonly to: string };

/** Writes into the audit log who changed which files, so much of it that nobody can fill the database by many small changes. */
export class FileAudit {
  readonly #entries: TokenBuckets;
  readonly #leftOut: (action: AuditAction) => void;

  /** @param leftOut Told of each change that is not written as there were too many. */
  constructor(now: () => number, leftOut: (action: AuditAction) => void) {
    this.#entries = new TokenBuckets(perDay, now, 10_000, dayMs);
    this.#leftOut = leftOut;
  }

  /** Tells of a change in the transaction that belongs to it. */
  async tell(
    transaction: Pick<RecordTransaction, 'audit'>,
    actor: Actor,
    workspaceId: number,
    change: FileChange,
  ): Promise<void> {
    if (this.#entries.take(String(actor.userId)) > 0) {
      this.#leftOut(change.action);
      return;
    }
    const subject = { kind: 'workspace', id: workspaceId } as const;
    await transaction.audit(actor, { action: change.action, subject, details: detailsOf(change) });
  }
}

function detailsOf(change: FileChange): NonNullable<AuditEvent['details']> {
  if (change.action === 'file.delete') return { path: told(change.path, bytesTold) };
  if (change.action === 'file.rename') {
    return { from: told(change.from, bytesTold / 2), to: told(change.to, bytesTold / 2) };
  }
  const paths = change.paths.slice(0, pathsTold);
  return { paths: paths.map((path) => told(path, bytesTold / paths.length)), count: change.paths.length };
}

/** As many whole characters of a path as fit. */
function told(path: string, maxBytes: number): string {
  const bytes = Buffer.from(path);
  return bytes.length > maxBytes
    ? `${bytes
        .subarray(0, maxBytes)
        .toString()
        .replace(/\uFFFD+$/, '')}…`
    : path;
}
