import { writeSync } from 'node:fs';
import { AdapterError } from '@user-workspaces/contract';
import { type Logger, pino } from 'pino';
import type { Configuration } from '../configuration/configuration.js';
import { LogDestination, openLog } from './log-destination.js';

/** The log, and how to bring out what is still buffered before the process ends. */
export interface ServerLog {
  readonly log: Logger;
  /** Lines that could not be written since the start. */
  lostLines(): number;
  /** Opens `log_file` anew, after it was renamed; absent without one. */
  readonly reopen: (() => void) | undefined;
  flush(): Promise<void>;
}

/** JSON lines to standard error or a file. In a terminal only what is wrong: people read the lines on standard output there. */
export function createLog({ log_level: level, log_file: file }: Configuration): ServerLog {
  const isTerminal = file === undefined && process.stderr.isTTY === true;
  let descriptor: number;
  try {
    descriptor = openLog(file);
  } catch (cause) {
    throw new AdapterError('misconfigured', `log_file is "${file}", which cannot be written: ${reasonOf(cause)}.`, {
      field: 'log_file',
      cause,
    });
  }
  const tell = (sentence: string): void =>
    tellElsewhere(file === undefined ? process.stdout : process.stderr, sentence);
  const destination = new LogDestination(
    descriptor,
    (lines) =>
      log.warn(
        { lines },
        'lines of the log are missing here: it could not be written, as nobody read it or its disk was full',
      ),
    tell,
  );
  const log = pino({ level: level ?? (isTerminal ? 'warn' : 'info') }, destination);
  const reopen = (): void => {
    try {
      destination.moveTo(openLog(file));
      log.info('the log was opened anew');
    } catch (error) {
      const sentence = `log_file is "${file}", which cannot be opened anew: ${reasonOf(error)}. Lines go on to the former file.`;
      log.error(sentence);
      tell(sentence);
    }
  };
  return {
    log,
    lostLines: () => destination.lostLines,
    reopen: file === undefined ? undefined : reopen,
    flush: () => destination.flush(),
  };
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Says something about the log, if it can be said there: that may be full or unread, too. */
function tellElsewhere({ fd }: { readonly fd: number }, sentence: string): void {
  try {
    writeSync(fd, `${sentence}\n`);
  } catch {
    // There is no third place.
  }
}
