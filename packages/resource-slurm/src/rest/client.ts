import { AdapterError } from '@user-workspaces/contract';
import { unavailable } from '../transport.js';
import { exchange, type HttpAnswer, jsonOf } from './http.js';
import { Tokens } from './token.js';
import { errorsOf, type Fields, isFields, type RestError, refusalIn, type Version, versions } from './versions.js';

/** How slurmrestd is reached. */
export interface RestOptions {
  /** Such as `http://127.0.0.1:6820`. */
  readonly url: string;
  /** File with the key of the cluster's tokens (`jwt_key` in `AuthAltParameters`). */
  readonly keyFile: string;
  /** Who asks about everybody's jobs and ends them: root or an operator of Slurm. @default 'root' */
  readonly operator?: string;
  /** How long an answer may take. @default 30_000 */
  readonly timeoutMs?: number;
}

/** What the scheduler itself answered. */
export interface RestAnswer {
  readonly version: Version;
  readonly body: Fields;
  /** Some of these are remarks on what was done all the same. */
  readonly errors: readonly RestError[];
  /** Why it was not done. */
  readonly refusal: RestError | undefined;
}

type Method = 'GET' | 'POST' | 'DELETE';

/** Asks slurmrestd, in the newest version that both know. */
export class RestClient {
  readonly operator: string;
  private readonly tokens: Tokens;
  private agreed: Version | undefined;

  constructor(private readonly options: RestOptions) {
    this.operator = options.operator ?? 'root';
    this.tokens = new Tokens(options.keyFile);
  }

  /**
   * @param body Made for the version that is spoken.
   * @throws AdapterError `unavailable` when the answer is not the scheduler's, `misconfigured` when no version is known to both.
   */
  async ask(
    user: string,
    method: Method,
    path: string,
    { body, signal }: { body?: (version: Version) => object; signal?: AbortSignal | undefined } = {},
  ): Promise<RestAnswer> {
    const version = this.agreed ?? (await this.negotiate(signal));
    const answer = await this.send(user, method, `/slurm/${version.name}${path}`, body?.(version), signal);
    const content = jsonOf(answer);
    // An update of slurmrestd may have taken the version away.
    if (answer.status === 404 && !content) this.agreed = undefined;
    const errors = errorsOf(content ?? {});
    if (content && answer.status === 200) return { version, body: content, errors, refusal: undefined };
    // Whatever else is not the scheduler's own word: a token that is bad or too old, or a scheduler that is away, is told in many ways.
    const refusal = refusalIn(answer.status, errors);
    if (content && refusal) return { version, body: content, errors, refusal };
    this.tokens.drop(user);
    throw unavailable(errors[0]?.text ?? `slurmrestd answers ${answer.status}`);
  }

  private async negotiate(signal?: AbortSignal): Promise<Version> {
    for (const version of versions) {
      const answer = await this.send(this.operator, 'GET', `/slurm/${version.name}/ping/`, undefined, signal);
      if (answer.status === 404) continue;
      // What has the version answers in JSON, even when the scheduler is away.
      needJson(answer);
      this.agreed = version;
      return version;
    }
    const known = versions.map(({ name }) => name).join(', ');
    const offered = await this.offered(signal);
    const message = `slurmrestd at ${this.options.url} speaks ${offered.join(', ') || 'no version for jobs'}, which this resource was not tried with; it knows ${known}. Use Slurm's commands instead.`;
    throw new AdapterError('misconfigured', message, { field: 'url' });
  }

  /** Names of the versions that slurmrestd speaks. */
  private async offered(signal?: AbortSignal): Promise<readonly string[]> {
    const { paths } = needJson(await this.send(this.operator, 'GET', '/openapi/v3', undefined, signal));
    const names = Object.keys(isFields(paths) ? paths : {}).map((path) => /^\/slurm\/(v[\d.]+)\//.exec(path)?.[1]);
    return [...new Set(names)].filter((name) => name !== undefined);
  }

  private async send(
    user: string,
    method: Method,
    path: string,
    body: object | undefined,
    signal?: AbortSignal,
  ): Promise<HttpAnswer> {
    signal?.throwIfAborted();
    const { url, timeoutMs = 30_000 } = this.options;
    const headers = { 'X-SLURM-USER-NAME': user, 'X-SLURM-USER-TOKEN': await this.tokens.of(user) };
    const limit = AbortSignal.timeout(timeoutMs);
    const either = signal ? AbortSignal.any([signal, limit]) : limit;
    try {
      return await exchange(`${url.replace(/\/+$/, '')}${path}`, method, headers, body, either);
    } catch (error) {
      signal?.throwIfAborted();
      throw unavailable(error instanceof Error ? error.message : String(error), error);
    }
  }
}

function needJson(answer: HttpAnswer): Fields {
  const body = jsonOf(answer);
  if (!body) throw unavailable(`slurmrestd answers ${answer.status} without a JSON object`);
  return body;
}
