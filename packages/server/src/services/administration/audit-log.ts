import type { QueryParameters, Schema } from '@user-workspaces/schema';
import { ApiError } from '../../http/api-error.js';
import { pageOf, pageOrder } from '../../http/pagination.js';
import { viewAuditEntry } from '../../views/administration.js';
import { type AdministrationContext, paged } from './context.js';

/** The audit log, a page at a time; the newest entries first unless asked otherwise. */
export async function listAudit(
  context: AdministrationContext,
  query: QueryParameters<'adminListAudit'>,
): Promise<Schema<'AuditAnswer'>['data']> {
  const page = paged({ ...query, order: query.order ?? ('-id' as const) });
  const order = pageOrder(page);
  const { actor_user_id, action, outcome, subject_kind, subject_id } = query;
  const from = timeOf(query.from, 'from');
  const until = timeOf(query.until, 'until');
  const found = await context.database.find('audit_entries', {
    ...order,
    where: {
      ...(actor_user_id !== undefined && { actor_user_id }),
      ...(action && { action }),
      ...(outcome && { outcome }),
      ...(subject_kind && { subject_kind }),
      ...(subject_id !== undefined && { subject_id }),
      ...(from !== undefined && { created_at_ms: until === undefined ? { gte: from } : { gte: from, lt: until } }),
      ...(from === undefined && until !== undefined && { created_at_ms: { lt: until } }),
      ...order.where,
    },
  });
  const { rows, next } = pageOf(found, page);
  return { entries: rows.map(viewAuditEntry), ...next };
}

function timeOf(text: string | undefined, field: string): number | undefined {
  if (text === undefined) return undefined;
  const timeMs = Date.parse(text);
  if (Number.isSafeInteger(timeMs)) return timeMs;
  throw new ApiError('invalid_field', `${field}: a time such as 2026-11-23T09:06:47Z is needed.`, { field });
}
