/** ISO 8601 in UTC with milliseconds and Z. */
export function isoTime(timeMs: number): string {
  return new Date(timeMs).toISOString();
}

/** The same, keeping `null`. */
export function isoTimeOrNull(timeMs: number | null): string | null {
  return timeMs === null ? null : isoTime(timeMs);
}
