import type { Where } from '@user-workspaces/contract';
import type { QueryParameters, Schema } from '@user-workspaces/schema';
import { ApiError } from '../../http/api-error.js';
import { readPage } from '../../http/pagination.js';
import { viewAuditEntry } from '../../views/administration.js';
import { type AdministrationContext, paged } from './context.js';

/** The audit log, a page at a time; the newest entries first unless asked otherwise. */
export async function listAudit(
  context: AdministrationContext,
  query: QueryParameters<'adminListAudit'>,
): Promise<Schema<'AuditAnswer'>['data']> {
  const page = paged({ ...query, order: query.order ?? ('-id' as const) });
  const { actor_user_id, action, outcome, subject_kind, subject_id } = query;
  const from = timeOf(query.from, 'from');
  const until = timeOf(query.until, 'until');
  const where: Where<'audit_entries'> = {
    ...(actor_user_id !== undefined && { actor_user_id }),
    ...(action && { action }),
    ...(outcome && { outcome }),
    ...(subject_kind && { subject_kind }),
    ...(subject_id !== undefined && { subject_id }),
    ...(from !== undefined && { created_at_ms: until === undefined ? { gte: from } : { gte: from, lt: until } }),
    ...(from === undefined && until !== undefined && { created_at_ms: { lt: until } }),
  };
  const { rows, next } = await readPage(context.limits, page, (part) =>
    context.database.find('audit_entries', { ...part, where: { ...where, ...part.where } }),
  );
  return { entries: rows.map(viewAuditEntry), ...next };
}

const writtenTime = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)(Z|[+-]\d{2}:\d{2})?)?$/i;

/** As the lists show times: without a zone it is UTC, and a day alone is its beginning. @throws ApiError `invalid_field` */
export function timeOf(text: string | undefined, field: string): number | undefined {
  if (text === undefined) return undefined;
  const [, day = '', time = '00:00', zone = 'Z'] = writtenTime.exec(text) ?? [];
  const timeMs = Date.parse(`${day}T${time}${zone.toUpperCase()}`);
  // 30 February would be taken for 2 March.
  const isOfCalendar = Number.isFinite(timeMs) && new Date(`${day}T00:00Z`).toISOString().startsWith(day);
  if (isOfCalendar) return timeMs;
  const message = `${field}: a time such as 2026-11-23T09:06:47Z, "2026-11-23 09:06:47" (UTC) or 2026-11-23 is needed.`;
  throw new ApiError('invalid_field', message, { field });
}
