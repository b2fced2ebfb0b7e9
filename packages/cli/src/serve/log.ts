import { AdapterError } from '@user-workspaces/contract';
import { type DestinationStream, type Logger, pino } from 'pino';
import type { Configuration } from '../configuration/configuration.js';

/** The log, and how to bring out what is still buffered before the process ends. */
export interface ServerLog {
  readonly log: Logger;
  flush(): void;
}

/** JSON lines to standard error or a file. In a terminal only what is wrong: people read the lines on standard output there. */
export function createLog({ log_level: level, log_file: file }: Configuration): ServerLog {
  const isTerminal = file === undefined && process.stderr.isTTY === true;
  let destination: DestinationStream & { flushSync(): void };
  try {
    destination = pino.destination({ dest: file ?? 2, sync: true, append: true, mode: 0o640 });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new AdapterError('misconfigured', `log_file is "${file}", which cannot be written: ${reason}.`, {
      field: 'log_file',
      cause,
    });
  }
  return {
    log: pino({ level: level ?? (isTerminal ? 'warn' : 'info') }, destination),
    flush: () => destination.flushSync(),
  };
}
