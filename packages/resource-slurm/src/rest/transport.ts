import type { Health, ResourceLoad } from '@user-workspaces/contract';
import { AdapterError } from '@user-workspaces/contract';
import { gpusOf } from '../gpus.js';
import {
  type ClusterJob,
  type JobReference,
  jobPrefix,
  type Submission,
  type Transport,
  unavailable,
} from '../transport.js';
import { RestClient, type RestOptions } from './client.js';
import { type Fields, isFields, isPast, type RestError, slurmErrors } from './versions.js';

/** Talks to a cluster by slurmrestd. Each look reads the whole list of jobs. */
export class Rest implements Transport {
  private readonly client: RestClient;

  /** @param accounting Knows of jobs that the cluster has forgotten: slurmrestd's own accounting gives wrong exit codes. */
  constructor(
    options: RestOptions,
    private readonly accounting: Pick<Transport, 'history'>,
  ) {
    this.client = new RestClient(options);
  }

  async list(_wanted?: unknown, signal?: AbortSignal): Promise<readonly ClusterJob[]> {
    const { version, elements } = await this.read('/jobs/', 'jobs', signal);
    // Most of a cluster's jobs are others': they are not looked at further.
    return elements.filter(({ name }) => String(name).startsWith(jobPrefix)).map((job) => version.job(job));
  }

  async named(name: string): Promise<readonly ClusterJob[]> {
    return (await this.list()).filter((job) => job.name === name);
  }

  async submit(submission: Submission): Promise<number> {
    const { body, errors, refusal } = await this.client.ask(submission.account.name, 'POST', '/job/submit', {
      body: (version) => version.submission(submission),
    });
    // That it is held, or cannot start at present, is told as an error, too.
    const id = Number(body.job_id);
    if (!refusal && Number.isInteger(id) && id > 0) return id;
    if (!refusal) throw unavailable(errors[0]?.text ?? 'slurmrestd gave neither a job nor an error');
    throw new AdapterError('invalid', `The cluster refuses the job: ${refusal.text.replace(/\.?$/, '.')}`);
  }

  async release({ id, name }: JobReference): Promise<void> {
    const { refusal } = await this.client.ask(this.client.operator, 'POST', `/job/${id}`, {
      body: (version) => version.change(name, { hold: false }),
    });
    tolerate(refusal);
  }

  async signal({ id }: JobReference, signal: 'TERM' | 'KILL'): Promise<void> {
    const { refusal } = await this.client.ask(this.client.operator, 'DELETE', `/job/${id}?signal=${signal}`);
    tolerate(refusal);
  }

  async withdraw(reference: JobReference): Promise<void> {
    const { version, body, refusal } = await this.client.ask(this.client.operator, 'GET', `/job/${reference.id}`);
    tolerate(refusal);
    const [job] = (Array.isArray(body.jobs) ? body.jobs : []).filter(isFields);
    if (job && version.job(job).state === 'PENDING') await this.signal(reference, 'KILL');
  }

  async setTimeLimit({ id, name }: JobReference, minutes: number): Promise<void> {
    const { refusal } = await this.client.ask(this.client.operator, 'POST', `/job/${id}`, {
      body: (version) => version.change(name, { timeLimitMinutes: Math.ceil(minutes) }),
    });
    if (!refusal) return;
    if (isPast(refusal))
      throw new AdapterError('not_found', 'The job is not running any more, so its time limit cannot be changed.');
    if (refusal.number === slurmErrors.accessDenied) {
      const message = `The cluster does not let the server change time limits: ${this.client.operator} is no operator of Slurm.`;
      throw new AdapterError('unsupported', message);
    }
    throw new AdapterError('invalid', `The cluster refuses the new time limit: ${refusal.text}.`);
  }

  async history(ids: readonly number[], signal?: AbortSignal): Promise<readonly ClusterJob[] | null> {
    return this.accounting.history(ids, signal);
  }

  async addresses(signal?: AbortSignal): Promise<ReadonlyMap<string, string>> {
    const { elements } = await this.read('/nodes/', 'nodes', signal);
    return new Map(elements.map((node) => [String(node.name), String(node.address)]));
  }

  async ping(signal?: AbortSignal): Promise<Health> {
    const { elements } = await this.read('/ping/', 'pings', signal);
    const connected = elements.some(
      ({ ping, pinged, responding }) => ping === 'UP' || pinged === 'UP' || responding === true,
    );
    return { connected, message: connected ? 'The cluster answers.' : "The cluster's controller does not answer." };
  }

  async load(signal?: AbortSignal): Promise<ResourceLoad> {
    const [{ body }, { elements }] = await Promise.all([
      this.client.ask(this.client.operator, 'GET', '/diag/', { signal }),
      this.read('/nodes/', 'nodes', signal),
    ]);
    const { jobs_pending: queuedJobs, jobs_running: runningJobs } = isFields(body.statistics) ? body.statistics : {};
    const able = elements.filter(
      ({ state }) => !/DOWN|DRAIN|FAIL|POWER|NOT_RESPONDING/i.test([state].flat().join(' ')),
    );
    const gres = able.flatMap(({ gres, gres_used: gresUsed }) =>
      typeof gres === 'string' && typeof gresUsed === 'string' ? [{ gres, gresUsed }] : [],
    );
    const total = sumOf(able, 'cpus');
    const allocated = sumOf(able, 'alloc_cpus');
    return {
      ...(typeof queuedJobs === 'number' && { queuedJobs }),
      ...(typeof runningJobs === 'number' && { runningJobs }),
      ...(total !== undefined && allocated !== undefined && { cpus: { total, free: total - allocated } }),
      ...(gres.length === able.length && { gpus: gpusOf(gres) }),
    };
  }

  private async read(path: string, key: string, signal?: AbortSignal) {
    const { version, body, refusal } = await this.client.ask(this.client.operator, 'GET', path, { signal });
    const list = body[key];
    if (refusal || !Array.isArray(list)) throw unavailable(refusal?.text ?? `slurmrestd gave no ${key}`);
    const elements: readonly Fields[] = list.filter(isFields);
    return { version, elements };
  }
}

/** The sum of a field; `undefined` where one of them has no number, as in versions that do not tell. */
function sumOf(elements: readonly Fields[], field: string): number | undefined {
  let sum = 0;
  for (const element of elements) {
    const value = element[field];
    if (typeof value !== 'number') return undefined;
    sum += value;
  }
  return sum;
}

/** What is done already is fine. */
function tolerate(refusal: RestError | undefined): void {
  if (refusal && !isPast(refusal)) throw unavailable(refusal.text);
}
