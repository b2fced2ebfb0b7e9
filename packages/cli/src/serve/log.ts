import { AdapterError } from '@user-workspaces/contract';
import { type Logger, pino } from 'pino';
import type { Configuration } from '../configuration/configuration.js';
import { LogDestination, openLog } from './log-destination.js';

/** The log, and how to bring out what is still buffered before the process ends. */
export interface ServerLog {
  readonly log: Logger;
  flush(): Promise<void>;
}

/** JSON lines to standard error or a file. In a terminal only what is wrong: people read the lines on standard output there. */
export function createLog({ log_level: level, log_file: file }: Configuration): ServerLog {
  const isTerminal = file === undefined && process.stderr.isTTY === true;
  let descriptor: number;
  try {
    descriptor = openLog(file);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new AdapterError('misconfigured', `log_file is "${file}", which cannot be written: ${reason}.`, {
      field: 'log_file',
      cause,
    });
  }
  const destination = new LogDestination(descriptor, (lines) =>
    log.warn(
      { lines },
      'lines of the log are missing here: it could not be written, as nobody read it or its disk was full',
    ),
  );
  const log = pino({ level: level ?? (isTerminal ? 'warn' : 'info') }, destination);
  return { log, flush: () => destination.flush() };
}
