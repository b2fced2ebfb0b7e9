import type { Health, ResourceLoad } from '@user-workspaces/contract';
import { AdapterError } from '@user-workspaces/contract';
import { exchange, type HttpAnswer, jsonOf } from '../rest/http.js';
import { errorsOf, type Fields, gatewayShape, isFields, isPast, type RestError, refusalIn } from '../rest/versions.js';
import {
  type ClusterJob,
  type JobReference,
  NothingSubmitted,
  type Submission,
  type Transport,
  unavailable,
} from '../transport.js';
import type { GatewayOptions } from './options.js';
import { FetchedTokens } from './token.js';

/** How many jobs are asked for at once. */
const askedAtOnce = 8;
/** Answers by which a gateway turns a request away before it does anything about it. */
const turnedAway = new Set([401, 403, 404, 429]);

/** Whether the gateway itself was not heard: then the network's error is the cause. What it answers for one user says nothing of the jobs of others. */
function isSilence(error: AdapterError): boolean {
  return error.cause !== undefined;
}

/** What the gateway passed on of the cluster's answer. */
interface GatewayAnswer {
  readonly body: Fields;
  /** Why it was not done. */
  readonly refusal: RestError | undefined;
}

/**
 * Talks to a cluster by a site's gateway, which makes, tells of and ends single jobs, each in the name of its user. It lists nothing, holds nothing back, changes
 * nothing, and ends jobs without asking them first.
 */
export class Gateway implements Transport {
  private readonly tokens: FetchedTokens;

  constructor(private readonly options: GatewayOptions) {
    const { url, apiToken, tokenLifespanSeconds = 3600 } = options;
    this.tokens = new FetchedTokens((user, signal) => {
      const headers = {
        Authorization: `Token ${apiToken}`,
        'Slurm-User': user,
        'Slurm-Lifespan': String(tokenLifespanSeconds),
      };
      return this.send(`${url}/getSlurmToken/`, 'GET', headers, undefined, signal);
    });
  }

  async list(
    wanted: () => Promise<readonly JobReference[]>,
    signal?: AbortSignal,
    _names?: unknown,
    unanswered?: (job: JobReference, why: string) => void,
  ): Promise<readonly ClusterJob[]> {
    const references = await wanted();
    const look = (reference: JobReference) =>
      this.look(reference, signal).catch((error: unknown) => {
        if (!unanswered || !AdapterError.is(error) || isSilence(error)) throw error;
        unanswered(reference, error.message);
        return [];
      });
    const jobs: ClusterJob[] = [];
    for (let first = 0; first < references.length; first += askedAtOnce) {
      const some = references.slice(first, first + askedAtOnce);
      jobs.push(...(await Promise.all(some.map(look))).flat());
    }
    return jobs;
  }

  async named(): Promise<null> {
    return null;
  }

  async submit(submission: Submission): Promise<number> {
    const user = submission.account.name;
    // What goes wrong before the request itself leaves nothing in doubt.
    await this.tokens.of(user).catch((error: unknown) => {
      throw new NothingSubmitted(error instanceof Error ? error.message : String(error), error);
    });
    const { body, refusal } = await this.ask(user, 'POST', '/jobControl/', gatewayShape.submission(submission));
    const id = Number(body.job_id);
    if (refusal) throw new AdapterError('invalid', `The cluster refuses the job: ${refusal.text.replace(/\.?$/, '.')}`);
    if (!Number.isInteger(id) || id <= 0) throw unavailable('the gateway gave neither a job nor an error');
    return id;
  }

  /** Nothing is held. */
  async release(): Promise<void> {}

  /** The gateway has no other end for a job than a KILL. */
  async signal({ id, account }: JobReference): Promise<void> {
    const { refusal } = await this.ask(account.name, 'DELETE', `/jobControl/${id}`);
    if (refusal && !isPast(refusal)) throw unavailable(refusal.text);
  }

  async withdraw(job: JobReference): Promise<void> {
    await this.signal(job);
  }

  async setTimeLimit(): Promise<void> {
    throw new AdapterError('unsupported', 'The gateway to the cluster changes no time limits.');
  }

  async history(): Promise<null> {
    return null;
  }

  async listedAfterEndMs(): Promise<null> {
    return null;
  }

  async addresses(): Promise<ReadonlyMap<string, string>> {
    return new Map();
  }

  async ping(signal?: AbortSignal): Promise<Health> {
    const { url, healthCheckUrl, apiToken } = this.options;
    const headers = { Authorization: `Token ${apiToken}` };
    const { status } = await this.send(healthCheckUrl ?? url, 'GET', headers, undefined, signal);
    // Without an address for it, all that can be told is that the gateway is there.
    const connected = healthCheckUrl === undefined ? status < 500 : status === 200;
    return { connected, message: `The gateway to the cluster answers ${status}.` };
  }

  /** The gateway tells nothing but of single jobs. */
  async load(): Promise<ResourceLoad> {
    return {};
  }

  private async look({ id, account }: JobReference, signal?: AbortSignal): Promise<readonly ClusterJob[]> {
    const { body, refusal } = await this.ask(account.name, 'GET', `/jobControl/${id}`, undefined, signal);
    if (refusal && isPast(refusal)) return [];
    if (refusal || !Array.isArray(body.jobs)) throw unavailable(refusal?.text ?? 'the gateway gave no job');
    return body.jobs.filter(isFields).map((job) => gatewayShape.job(job));
  }

  /** @throws AdapterError `unavailable` when the answer is not the scheduler's, {@link NothingSubmitted} when the gateway turned the request away or was not reached. */
  private async ask(
    user: string,
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    body?: object,
    signal?: AbortSignal,
  ): Promise<GatewayAnswer> {
    const { url, apiToken } = this.options;
    const token = await this.tokens.of(user, signal);
    const headers = { Authorization: `Token ${apiToken}`, 'Slurm-User': user, 'Slurm-Token': token };
    const answer = await this.send(`${url}${path}`, method, headers, body, signal);
    const content = jsonOf(answer);
    const errors = errorsOf(content ?? {});
    const refusal = refusalIn(answer.status, errors);
    // Remarks on a job that was made look like refusals.
    if (content && answer.status === 200 && Number(content.job_id) > 0) return { body: content, refusal: undefined };
    if (content && (refusal || (answer.status === 200 && errors.length === 0))) return { body: content, refusal };
    this.tokens.drop(user);
    const why = errors[0]?.text ?? `the gateway answers ${answer.status}`;
    throw turnedAway.has(answer.status) ? new NothingSubmitted(why) : unavailable(why);
  }

  private async send(
    address: string,
    method: 'GET' | 'POST' | 'DELETE',
    headers: Readonly<Record<string, string>>,
    body: object | undefined,
    signal?: AbortSignal,
  ): Promise<HttpAnswer> {
    signal?.throwIfAborted();
    const limit = AbortSignal.timeout(this.options.timeoutMs ?? 30_000);
    try {
      return await exchange(address, method, headers, body, signal ? AbortSignal.any([signal, limit]) : limit);
    } catch (error) {
      signal?.throwIfAborted();
      const why = error instanceof Error ? error.message : String(error);
      const isUnreached = error instanceof Error && 'syscall' in error && error.syscall === 'connect';
      throw isUnreached ? new NothingSubmitted(why, error) : unavailable(why, error);
    }
  }
}
