import { request } from 'node:http';
import { connect } from 'node:net';
import type { SessionRecipe } from '@user-workspaces/contract';

/** Asks a session whether it is ready: its readiness path answers with an expected status, or its port accepts a connection. */
export type SessionProbe = (
  target: { readonly host: string; readonly port: number; readonly path: string | undefined },
  readiness: SessionRecipe['readiness'],
  timeoutMs: number,
) => Promise<boolean>;

/** The probe that really asks. Every failure means "not ready": the job's end is told by its resource, never by the probe. */
export const probeSession: SessionProbe = ({ host, port, path }, readiness, timeoutMs) =>
  new Promise((resolve) => {
    if (!readiness || path === undefined) {
      const socket = connect({ host, port, timeout: timeoutMs });
      const finish = (isReady: boolean): void => {
        socket.destroy();
        resolve(isReady);
      };
      socket.once('connect', () => finish(true));
      socket.once('timeout', () => finish(false));
      socket.once('error', () => finish(false));
      return;
    }
    const [from, to] = readiness.statuses;
    const asked = request({ host, port, path, method: 'GET', timeout: timeoutMs, agent: false }, (response) => {
      const status = response.statusCode ?? 0;
      response.destroy();
      resolve(status >= from && status <= to);
    });
    asked.once('timeout', () => asked.destroy(new Error('No answer in time.')));
    asked.once('error', () => resolve(false));
    asked.end();
  });
