import { connect } from 'node:net';
import type { LaunchReference, SessionAddress } from '@user-workspaces/contract';
import { readReport } from '@user-workspaces/launch';
import type { ListedContainer } from './containers.js';
import { Listeners } from './listeners.js';
import { sessionPort } from './start-script.js';

/** How long a connection must stay open, or send something, to count as answered: the engine accepts it before it knows whether somebody listens inside. */
const openMs = 300;

export type SessionState =
  | { readonly session: SessionAddress }
  | { readonly sessionProblem: string; readonly sessionTaken?: true };

/**
 * Where sessions listen. The address is the engine's word: its port for this very container. The job's report only says that it is ready, and the page to begin with; a port other
 * than the container's published one is not believed.
 *
 * Of an engine that was away the word is not enough: while it is, its ports are free for everybody, and it goes on to tell a port as published that it could not take again.
 */
export class Sessions {
  private readonly verified = new Map<string, { readonly secret: string; readonly address: SessionAddress }>();

  /**
   * @param host Name or address under which the server reaches published ports.
   * @param socket Path of the engine's own socket, if it is on this machine.
   */
  constructor(
    private readonly host: string,
    private readonly socket: string | undefined,
  ) {}

  /** Who listens now, for the containers of one look. */
  listeners(): Listeners {
    return new Listeners(this.host, this.socket);
  }

  async find(container: ListedContainer, reference: LaunchReference, listeners: Listeners): Promise<SessionState> {
    const secret = reference.session?.secret ?? '';
    const port = container.ports.get(sessionPort);
    if (port === undefined) {
      this.verified.delete(container.id);
      return { sessionProblem: "The engine has not published the session's port yet." };
    }
    if (await listeners.isStrangerAt(port)) {
      this.verified.delete(container.id);
      const sessionProblem = `The session's port ${port} was taken by another program of the machine while the container engine was away: nobody is sent there until the engine publishes another.`;
      return { sessionProblem, sessionTaken: true };
    }
    const known = this.verified.get(container.id);
    if (known?.secret === secret && known.address.port === port) return { session: known.address };

    const report = await readReport(reference, reference.account.uid, secret);
    if (typeof report === 'string') return { sessionProblem: report };
    if (report.port !== sessionPort) {
      return {
        sessionProblem: `The port that the session reported, ${report.port}, is not its published one, which is ${sessionPort}: it must listen on the port in UWS_PORT.`,
      };
    }
    const silence = await problemOf(this.host, port);
    if (silence !== undefined) return { sessionProblem: silence };
    const address = { host: this.host, port, path: report.path };
    this.verified.set(container.id, { secret, address });
    return { session: address };
  }

  forget(containerId: string): void {
    this.verified.delete(containerId);
  }
}

/** What is wrong with a published port; `undefined` when somebody listens behind it. */
function problemOf(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect(port, host);
    const settle = (problem?: string) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(problem);
    };
    const silent = 'The session does not listen on its port yet.';
    let timer = setTimeout(settle, 5000, `The session's port ${port} cannot be reached at ${host}: no answer.`);
    socket.once('connect', () => {
      clearTimeout(timer);
      timer = setTimeout(settle, openMs);
    });
    socket.once('data', () => settle());
    socket.once('end', () => settle(silent));
    socket.once('error', (error: NodeJS.ErrnoException) => {
      const isRefused = error.code === 'ECONNREFUSED' || error.code === 'ECONNRESET';
      settle(isRefused ? silent : `The session's port ${port} cannot be reached at ${host}: ${error.message}.`);
    });
  });
}
