// Stands in for a site's gateway to its cluster, which cannot be had: it answers as the old service's documentation says that one does (/jobControl/, /getSlurmToken/, their headers, the shapes of
// v0.0.40), and hands everything on to the slurmrestd of a real cluster.
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import type { SlurmCluster } from './cluster.js';

export interface SlurmGateway {
  readonly url: string;
  readonly port: number;
  readonly apiToken: string;
  /** What was asked for, in order, such as `GET /getSlurmToken/`. */
  readonly asked: readonly string[];
  /** Users that the site has removed: they get no token. */
  readonly removed: Set<string>;
  close(): Promise<void>;
}

type Fields = Readonly<Record<string, unknown>>;

export async function startSlurmGateway(cluster: SlurmCluster): Promise<SlurmGateway> {
  const key = await readFile(`${cluster.directory}/keys/jwt.key`);
  const apiToken = 'token-of-the-portal';
  const asked: string[] = [];
  const removed = new Set<string>();
  const header = (incoming: IncomingMessage, name: string) => String(incoming.headers[name] ?? '');

  const answerTo = async (incoming: IncomingMessage): Promise<readonly [status: number, body: Fields]> => {
    const { method = '', url = '' } = incoming;
    asked.push(`${method} ${url}`);
    if (header(incoming, 'authorization') !== `Token ${apiToken}`) return [401, { detail: 'Invalid token.' }];
    const user = header(incoming, 'slurm-user');
    if (method === 'GET' && url === '/health/') return [200, {}];
    if (method === 'GET' && url === '/getSlurmToken/') {
      if (removed.has(user)) return [404, { detail: 'Not found.' }];
      const exp = Math.floor(Date.now() / 1000) + Number(header(incoming, 'slurm-lifespan'));
      const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
      const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ exp, sun: user })}`;
      const signature = createHmac('sha256', key).update(signed).digest('base64url');
      return [200, { slurm_token: `${signed}.${signature}` }];
    }
    const hand = (handedMethod: string, path: string, body?: object) =>
      ask(handedMethod, path, user, header(incoming, 'slurm-token'), body);
    const id = /^\/jobControl\/(\d+)$/.exec(url)?.[1];
    if (method === 'POST' && url === '/jobControl/') {
      const { script, job }: { script: string; job: Fields } = JSON.parse(await text(incoming));
      const { requeue, tres_per_job, ...rest } = job;
      const handed = {
        ...rest,
        ...(requeue === false && { no_requeue: true }),
        ...(tres_per_job !== undefined && { gres: String(tres_per_job).replace(/^gres\/gpu=/, 'gpu:') }),
      };
      return hand('POST', '/job/submit', { script, job: handed });
    }
    if (id !== undefined && method === 'DELETE') return hand('DELETE', `/job/${id}`);
    if (id !== undefined && method === 'GET') {
      const [status, body] = await hand('GET', `/job/${id}`);
      const jobs = (Array.isArray(body.jobs) ? body.jobs : []).map(asVersion40);
      return [status, { ...body, jobs }];
    }
    return [404, { detail: 'Not found.' }];
  };

  const server = createServer((incoming, outgoing) => {
    answerTo(incoming).then(
      ([status, body]) => outgoing.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body)),
      (error: unknown) => outgoing.writeHead(502).end(String(error)),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    apiToken,
    asked,
    removed,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

/** A job of v0.0.38 in the shape of v0.0.40. */
function asVersion40(job: Fields): Fields {
  const number = (value: unknown) => ({ set: Number(value) > 0, infinite: false, number: Number(value) });
  const status = Number(job.exit_code);
  return {
    job_id: job.job_id,
    name: job.name,
    job_state: [job.job_state],
    state_reason: job.state_reason,
    submit_time: number(job.submit_time),
    start_time: number(job.start_time),
    end_time: number(job.end_time),
    cpus: number(job.cpus),
    exit_code: {
      status: [(status & 0x7f) > 0 ? 'SIGNALED' : status > 0 ? 'ERROR' : 'SUCCESS'],
      return_code: { set: (status & 0x7f) === 0, infinite: false, number: status >> 8 },
      signal: { id: number(status & 0x7f), name: '' },
    },
    batch_host: job.batch_host,
    tres_alloc_str: job.tres_alloc_str,
  };
}

/** Asks the cluster's slurmrestd in the name of a user. */
async function ask(
  method: string,
  path: string,
  user: string,
  token: string,
  body?: object,
): Promise<readonly [status: number, body: Fields]> {
  const content = body && JSON.stringify(body);
  const outgoing = request({
    host: '127.0.0.1',
    port: 6820,
    method,
    path: `/slurm/v0.0.38${path}`,
    agent: false,
    headers: {
      Connection: 'keep-alive',
      'X-SLURM-USER-NAME': user,
      'X-SLURM-USER-TOKEN': token,
      ...(content && { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(content) }),
    },
  });
  outgoing.end(content);
  const [incoming]: [IncomingMessage] = (await once(outgoing, 'response')) as [IncomingMessage];
  return [incoming.statusCode ?? 0, JSON.parse(await text(incoming))];
}
