import { type Logger, pino } from 'pino';

/** A log whose lines are kept. */
export interface HeldLog {
  readonly log: Logger;
  readonly lines: readonly { readonly level: number; readonly msg: string; readonly [field: string]: unknown }[];
}

export function holdLog(): HeldLog {
  const lines: HeldLog['lines'][number][] = [];
  return { log: pino({}, { write: (line: string) => lines.push(JSON.parse(line)) }), lines };
}
