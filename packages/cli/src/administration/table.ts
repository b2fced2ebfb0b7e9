/** Rows under headings, in columns as wide as they need to be. */
export function renderTable(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return 'None.\n';
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...rows.map((row) => (row[column] ?? '').length)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  return `${[line(headings), ...rows.map(line)].join('\n')}\n`;
}

/** Names and values, one on a line. */
export function renderFacts(facts: Readonly<Record<string, string>>): string {
  const width = Math.max(...Object.keys(facts).map((name) => name.length));
  return Object.entries(facts)
    .map(([name, value]) => `${`${name}:`.padEnd(width + 1)}  ${value}\n`)
    .join('');
}

/** What steers a terminal, or turns around or breaks the line in which it stands: controls, marks of direction, and separators. */
const steering = /[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}]/gu;

/** Text of users, which must not steer the terminal. */
export function plain(text: string | null): string {
  return (text ?? '').replaceAll(steering, '\u{fffd}');
}

/** The value as JSON, whose texts do not steer the terminal either: the same value, with escapes in place of such characters. */
export function plainJson(value: unknown): string {
  return JSON.stringify(value, null, 2).replaceAll(steering, (character) =>
    // JSON itself breaks its lines, and no text in it does.
    character === '\n' ? character : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** `2026-11-23 09:06:47`, in UTC. */
export function timeText(time: string | null): string {
  return time === null ? '' : time.slice(0, 19).replace('T', ' ');
}

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

export function bytesText(bytes: number): string {
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  return `${Number((bytes / 1024 ** power).toFixed(1))} ${units[power]}`;
}

/** How the next page is had. */
export function more(cursor: string | undefined): string {
  return cursor === undefined ? '' : `There are more: --cursor ${cursor}\n`;
}
