/** What JSON.parse gives. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Keys whose values may differ freely, as long as they are of the same kind: ids, tokens, times, pids, ports, durations, disk sizes. */
const free = new Set([
  'id',
  'workspace_id',
  'resource_job_id',
  'token',
  'disk_space',
  'time_pending',
  'time_init',
  'datetime_created',
  'datetime_last_modified',
  'datetime_last_job_launch',
  'datetime_start',
  'datetime_end',
  'datetime_share_created',
  'core_hours',
]);

const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z?$/;

function kindOf(value: Json | undefined): string {
  if (typeof value === 'string' && time.test(value)) return 'time';
  if (typeof value === 'string' && /^\d+\.\d{5}$/.test(value)) return 'decimal';
  if (Array.isArray(value)) return 'list';
  return value === null ? 'null' : typeof value;
}

/**
 * How an answer differs from the recorded one: key by key, lists without order, new keys allowed.
 *
 * @param paths Paths of the recorded machine and what they are on this one.
 */
export function compare(
  recorded: Json,
  actual: Json | undefined,
  paths: Readonly<Record<string, string>>,
  at = '',
): string[] {
  if (recorded === '') return []; // No body was recorded: a redirect, or an HTML page.
  if (Array.isArray(recorded)) {
    if (!Array.isArray(actual)) return [`${at}: ${kindOf(actual)} instead of a list`];
    if (actual.length !== recorded.length) return [`${at}: ${actual.length} items instead of ${recorded.length}`];
    const left = [...actual];
    return recorded.flatMap((item, index) => {
      const match = left.findIndex((candidate) => compare(item, candidate, paths).length === 0);
      if (match < 0) return [`${at}[${index}]: nothing like ${JSON.stringify(item)} in ${JSON.stringify(left)}`];
      left.splice(match, 1);
      return [];
    });
  }
  if (recorded !== null && typeof recorded === 'object') {
    if (actual === null || typeof actual !== 'object' || Array.isArray(actual)) {
      return [`${at}: ${kindOf(actual)} instead of an object`];
    }
    return Object.entries(recorded).flatMap(([key, value]) => {
      const here = `${at}.${key}`;
      if (!(key in actual)) return [`${here}: missing`];
      if (free.has(key)) {
        return kindOf(value) === kindOf(actual[key])
          ? []
          : [`${here}: ${kindOf(actual[key])} instead of ${kindOf(value)}`];
      }
      return compare(value, actual[key], paths, here);
    });
  }
  let expected = recorded;
  if (typeof expected === 'string') {
    for (const [from, to] of Object.entries(paths)) expected = expected.replaceAll(from, to);
    // Messages name ids, which may differ.
    const withoutIds = (text: string): string => text.replace(/(orkspace|ob) \d+/g, '$1 N');
    if (typeof actual === 'string' && withoutIds(expected) === withoutIds(actual)) return [];
  }
  return expected === actual ? [] : [`${at}: ${JSON.stringify(actual)} instead of ${JSON.stringify(expected)}`];
}
