import type { AuditEntryRow, DatabaseTransaction, JsonObject } from '@user-workspaces/contract';
import type { Schema } from '@user-workspaces/schema';

export type AuditAction = Schema<'AuditAction'>;

/** Where a request came from. */
export interface Origin {
  /** Of the client, as far as trusted proxies can be believed. */
  readonly address: string | null;
  readonly requestId: string | null;
}

/** Of what comes from no request. */
export const noOrigin: Origin = { address: null, requestId: null };

/** Who does something, and from where. */
export interface Actor extends Origin {
  readonly kind: AuditEntryRow['actor_kind'];
  readonly userId: number | null;
  readonly name: string | null;
}

/** Something that was done, or refused. Details never hold a secret, nor anything that a caller may have typed in its place. */
export interface AuditEvent {
  readonly action: AuditAction;
  /** @default 'done' */
  readonly outcome?: AuditEntryRow['outcome'];
  readonly subject?: { readonly kind: NonNullable<AuditEntryRow['subject_kind']>; readonly id: number };
  readonly details?: JsonObject;
}

/** The server itself. */
export const serverActor: Actor = { kind: 'server', userId: null, name: null, ...noOrigin };

/** Somebody who has not signed in. */
export function nobody(origin: Origin): Actor {
  return { ...origin, kind: 'nobody', userId: null, name: null };
}

/** A user who is signed in. */
export function actorOf(
  caller: { readonly user: { readonly id: number; readonly username: string } } & {
    readonly origin: Origin;
  },
): Actor {
  return { ...caller.origin, kind: 'user', userId: caller.user.id, name: caller.user.username };
}

/** Writes an entry of the audit log, in the transaction of what it tells. */
export async function insertAuditEntry(
  rows: DatabaseTransaction,
  nowMs: number,
  actor: Actor,
  { action, outcome = 'done', subject, details = {} }: AuditEvent,
): Promise<void> {
  await rows.insert('audit_entries', {
    created_at_ms: nowMs,
    action,
    outcome,
    actor_kind: actor.kind,
    actor_user_id: actor.userId,
    actor_name: actor.name,
    subject_kind: subject?.kind ?? null,
    subject_id: subject?.id ?? null,
    address: actor.address,
    request_id: actor.requestId,
    details,
  });
}
