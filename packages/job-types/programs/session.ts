import { createHash, timingSafeEqual } from 'node:crypto';
import { renameSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';

/** What the resource and the job type gave this program. The secrets are taken out of `process.env`, so that no child inherits them. */
export interface Session {
  readonly jobId: string;
  readonly workspace: string;
  readonly isLoopback: boolean;
  /** 0 where the resource assigns none: then the system picks one. */
  readonly port: number;
  /** Absent where the start script has reported already. */
  readonly report: { readonly path: string; readonly secret: string } | undefined;
  readonly token: string;
  /** Path under which the browser sees this program, without a trailing slash; empty where it is not known. */
  readonly basePath: string;
}

export function takeSession(): Session {
  const take = (name: string): string => {
    const value = process.env[name] ?? '';
    delete process.env[name];
    return value;
  };
  const token = take('SESSION_TOKEN');
  if (token === '') {
    console.error('SESSION_TOKEN is not set: this program is started by a job type of User Workspaces.');
    process.exit(64);
  }
  const report = { path: take('UWS_REPORT'), secret: take('UWS_SECRET') };
  const host = process.env.UWS_LISTEN ?? process.env.UWS_HOST ?? '127.0.0.1';
  const session: Session = {
    jobId: process.env.UWS_JOB_ID ?? '0',
    workspace: process.env.UWS_WORKSPACE ?? process.cwd(),
    isLoopback: ['127.0.0.1', 'localhost'].includes(host),
    port: Number(process.env.UWS_PORT ?? process.env.PORT ?? 0),
    report: report.path === '' ? undefined : report,
    token,
    basePath: process.env.BASE_PATH ?? '',
  };
  process.chdir(session.workspace);
  return session;
}

/** Listens and then tells the resource so. Ends the program when the port is taken. */
export function serve(server: Server, session: Session): void {
  server.on('error', (error) => {
    console.error(`The program cannot listen on port ${session.port}: ${error.message}`);
    process.exit(1);
  });
  server.listen(session.port, session.isLoopback ? '127.0.0.1' : '0.0.0.0', () => {
    const address = server.address();
    if (!session.report || address === null || typeof address === 'string') return;
    const temporary = `${session.report.path}.${process.pid}`;
    writeFileSync(temporary, `${session.report.secret} ${address.port} /\n`, { mode: 0o600, flag: 'wx' });
    renameSync(temporary, session.report.path);
  });
}

/** Compares in a time that tells nothing about the token. */
export function isToken(session: Session, offered: string | null | undefined): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(offered ?? ''), digest(session.token));
}
