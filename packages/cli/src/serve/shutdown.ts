import { once } from 'node:events';
import type { Server } from 'node:http';
import { constants } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { isatty } from 'node:tty';

/** How often connections that browsers keep for later are closed: they would hold up the end after their last answer. */
const idleSweepMs = 50;

/**
 * Resolves with the first SIGINT or SIGTERM; a second one ends the process at once. SIGHUP resolves as well, if its terminal
 * was closed or there is no log to open anew.
 *
 * @param reopenLog What SIGHUP asks for otherwise.
 */
export function untilSignal(reopenLog: (() => void) | undefined): Promise<NodeJS.Signals> {
  const terminals = [0, 1, 2].filter((descriptor) => isatty(descriptor));
  return new Promise((resolve) => {
    let isStopping = false;
    const handle = (signal: NodeJS.Signals): void => {
      if (isStopping) process.exit(128 + (constants.signals[signal] ?? 0));
      isStopping = true;
      resolve(signal);
    };
    process.on('SIGHUP', (signal) => {
      // A terminal that was closed is none any more.
      if (reopenLog && terminals.every((descriptor) => isatty(descriptor))) reopenLog();
      // Both the shell and the system may tell of a closed terminal: that is no second wish.
      else if (!isStopping) handle(signal);
    });
    process.on('SIGINT', handle);
    process.on('SIGTERM', handle);
  });
}

/**
 * Accepts nothing new, ends what the server keeps open (streams, WebSockets), lets requests under way finish, and cuts off
 * what has not ended after `drainMs`.
 */
export async function closeListener(http: Server, closeServer: () => Promise<void>, drainMs = 10_000): Promise<void> {
  const closed = http.listening ? once(http, 'close') : Promise.resolve();
  http.close();
  const sweeping = setInterval(() => http.closeIdleConnections(), idleSweepMs);
  const timer = new AbortController();
  const deadline = delay(drainMs, undefined, { signal: timer.signal }).catch(() => {});
  await Promise.race([Promise.all([closeServer(), closed]), deadline]);
  timer.abort();
  clearInterval(sweeping);
  http.closeAllConnections();
}
