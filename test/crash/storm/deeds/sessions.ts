import { setTimeout as delay } from 'node:timers/promises';
import { JobEndedError } from '@user-workspaces/client';
import { WebSocket } from 'ws';
import { visit } from '../../../support/visit.js';
import { between } from '../chance.js';
import { insist, insistOn, patienceMs } from '../insist.js';
import type { Person, Turn } from '../person.js';
import type { PromisedSession, PromisedWorkspace } from '../promises.js';

/** No answer in that time is one that a fault held up. */
const visitMs = 5_000;

/** Starts an application and follows its ticket; `undefined` where a full disk kept the application from being launched. */
export async function open(turn: Turn, workspace: PromisedWorkspace): Promise<PromisedSession | undefined> {
  const { person, name: key } = turn;
  const { jobs, workspaces } = person.client;
  const { value: id } = await insistOn(
    'starting a session',
    async () => (await workspaces.start(workspace.id, { job_type: 'serving' }, { idempotencyKey: key })).id,
  );
  person.note(key, id);
  person.promises.jobs.set(id, { id, workspaceId: workspace.id, exitCode: 0, mayBeStopped: true });
  const ready = await insist(() => jobs.waitUntilReady(id, { timeoutMs: 60_000 }));
  if ('refusal' in ready) {
    const { refusal } = ready;
    if (refusal instanceof JobEndedError && refusal.job.status_reason === 'launch_failed') return undefined;
    throw refusal;
  }
  const { pathname, search, searchParams } = new URL(ready.value.url);
  const words = `job ${id} ${searchParams.get('token')}`;
  const { baseUrl } = person.cluster.link;
  const { cookie, url } = await untilReached(`the session of job ${id} by its ticket`, async () => {
    const entered = await visit(baseUrl + pathname + search);
    return (await answers(entered.response, words)) ? entered : undefined;
  });
  return { jobId: id, path: new URL(url).pathname, words, cookie };
}

/** Uses it over HTTP and a WebSocket through whatever goes wrong: its own application answers, and none else. */
export async function use({ person, random }: Turn, session: PromisedSession): Promise<void> {
  const { baseUrl } = person.cluster.link;
  const socket = await connected(session, baseUrl);
  for (let turns = between(random, 2, 5); turns > 0; turns--) {
    await reached(session, baseUrl);
    await delay(between(random, 10, 400));
  }
  if (random.next() < 0.5) socket.terminate();
  await end(person, session);
  // Whoever left it open sees that it has ended.
  await untilReached(`the end of a WebSocket of job ${session.jobId}`, async () =>
    socket.readyState === WebSocket.CLOSED ? true : undefined,
  );
}

/** @throws when it is not reached, over HTTP and a WebSocket, or another application answers. */
export async function reach(session: PromisedSession, baseUrl: string): Promise<void> {
  await reached(session, baseUrl);
  (await connected(session, baseUrl)).terminate();
}

/** Stops it; from then on nobody answers there. */
export async function end(person: Person, session: PromisedSession): Promise<void> {
  const { client, cluster, promises } = person;
  const outcome = await insist(() => client.jobs.stop(session.jobId));
  if ('refusal' in outcome && outcome.refusal.code !== 'job_not_active') throw outcome.refusal;
  await insistOn('waiting for the end', () => client.jobs.waitUntilEnded(session.jobId, { timeoutMs: 60_000 }));
  promises.endedSessions.push(session);
  for (let attempts = 0; attempts < 3; attempts++) await requireGone(session, cluster.link.baseUrl);
}

/** The status that a session that has ended is answered with; `undefined` where no answer came. @throws when anything was reached there. */
export async function requireGone(session: PromisedSession, baseUrl: string): Promise<number | undefined> {
  const response = await ask(session, baseUrl).catch(() => undefined);
  const text = await response?.text().catch(() => '');
  if (response?.ok || text?.startsWith('job ')) {
    throw new Error(`the session of job ${session.jobId}, which has ended, answers ${response?.status} ${text}`);
  }
  return response?.status;
}

export async function openAndUse(turn: Turn, workspace: PromisedWorkspace): Promise<void> {
  const session = await open(turn, workspace);
  if (session) await use(turn, session);
}

function ask({ path, cookie }: PromisedSession, baseUrl: string): Promise<Response> {
  const headers = { Cookie: cookie };
  return fetch(baseUrl + path, { headers, redirect: 'manual', signal: AbortSignal.timeout(visitMs) });
}

async function reached(session: PromisedSession, baseUrl: string): Promise<void> {
  await untilReached(`the session of job ${session.jobId}`, async () =>
    (await answers(await ask(session, baseUrl), session.words)) ? true : undefined,
  );
}

/** Whether the application answered; not, when nobody could just then. @throws WrongAnswer for anything else. */
async function answers(response: Response, words: string): Promise<boolean> {
  const text = await response.text();
  if (response.status === 200 && text === words) return true;
  if ([502, 503, 504].includes(response.status)) return false;
  throw new WrongAnswer(`${response.status} ${text.slice(0, 200)} instead of ${words}`);
}

async function connected(session: PromisedSession, baseUrl: string): Promise<WebSocket> {
  return untilReached(`a WebSocket of job ${session.jobId}`, async () => {
    const { path, cookie, words } = session;
    const address = `${baseUrl.replace(/^http/, 'ws')}${path}`;
    const socket = new WebSocket(address, { headers: { Cookie: cookie }, handshakeTimeout: visitMs });
    const heard = new Promise<string>((resolve, reject) => {
      socket.on('error', reject);
      socket.once('unexpected-response', (_, { statusCode = 0 }) =>
        reject([502, 503, 504].includes(statusCode) ? new Error('not now') : new WrongAnswer(`${statusCode}`)),
      );
      socket.once('close', () => reject(new Error('It was cut.')));
      socket.once('message', (data) => resolve(String(data)));
    });
    const timer = setTimeout(() => socket.terminate(), visitMs);
    try {
      const said = await heard;
      if (said !== words) throw new WrongAnswer(`${said} instead of ${words}`);
      return socket;
    } catch (error) {
      socket.terminate();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  });
}

/** An answer that no fault explains. */
class WrongAnswer extends Error {}

/** Tries until there is an answer other than `undefined`, and no longer than any fault lasts. */
async function untilReached<T>(what: string, attempt: () => Promise<T | undefined>): Promise<T> {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    let why = 'nobody answers';
    try {
      const value = await attempt();
      if (value !== undefined) return value;
    } catch (error) {
      if (error instanceof WrongAnswer) throw new Error(`${what}: ${error.message}`);
      why = String(error);
    }
    if (Date.now() > deadline) throw new Error(`${what} was not reached in ${patienceMs} ms: ${why}`);
    await delay(50);
  }
}
