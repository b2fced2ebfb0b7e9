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

/** To ask for one job costs slurmrestd and us about as much as so many jobs of the whole list. */
const listedForOne = 20;
/** For so long a few jobs are asked for alone: a second job under the name of one of them is only seen in the whole list. */
const aloneMs = 60_000;
/** Jobs that are asked for alone at the same time. */
const aloneAtOnce = 8;

/** Talks to a cluster by slurmrestd, whose list has every job of everybody: a few jobs among many are asked for one by one. */
export class Rest implements Transport {
  private readonly client: RestClient;
  /** How many jobs of everybody the whole list had, 0 where none may be asked for alone, and when it was read, by `performance.now()`. */
  private lastList = { jobs: 0, atMs: Number.NEGATIVE_INFINITY };

  /** @param commands Know of jobs that the cluster has forgotten, and of its configuration: slurmrestd's own accounting gives wrong exit codes, and the configuration it does not tell. */
  constructor(
    options: RestOptions,
    private readonly commands: Pick<Transport, 'history' | 'listedAfterEndMs'>,
  ) {
    this.client = new RestClient(options);
  }

  async list(
    wanted: () => Promise<readonly JobReference[]>,
    signal?: AbortSignal,
    names: readonly string[] = [],
  ): Promise<readonly ClusterJob[]> {
    const { jobs, atMs } = this.lastList;
    const areFew = names.length > 0 && names.length * listedForOne <= jobs;
    return areFew && performance.now() - atMs < aloneMs ? this.each(await wanted(), signal) : this.whole(signal);
  }

  async named(name: string): Promise<readonly ClusterJob[]> {
    return (await this.whole()).filter((job) => job.name === name);
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
    const job = await this.one(reference.id);
    if (job?.state === 'PENDING') await this.signal(reference, 'KILL');
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
    return this.commands.history(ids, signal);
  }

  async listedAfterEndMs(signal?: AbortSignal): Promise<number | null> {
    return this.commands.listedAfterEndMs(signal);
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

  private async whole(signal?: AbortSignal): Promise<readonly ClusterJob[]> {
    const { version, elements } = await this.read('/jobs/', 'jobs', signal);
    this.lastList = { jobs: version.tellsMissing ? elements.length : 0, atMs: performance.now() };
    // Most of a cluster's jobs are others': they are not looked at further.
    return elements.filter(({ name }) => String(name).startsWith(jobPrefix)).map((job) => version.job(job));
  }

  private async each(wanted: readonly JobReference[], signal?: AbortSignal): Promise<readonly ClusterJob[]> {
    const jobs: (ClusterJob | undefined)[] = [];
    for (let first = 0; first < wanted.length; first += aloneAtOnce) {
      const some = wanted.slice(first, first + aloneAtOnce);
      jobs.push(...(await Promise.all(some.map(({ id }) => this.one(id, signal)))));
    }
    return jobs.filter((job) => job !== undefined);
  }

  /** The job of this number, whatever its name; nothing where the cluster has none. */
  private async one(id: number, signal?: AbortSignal): Promise<ClusterJob | undefined> {
    const { version, body, refusal } = await this.client.ask(this.client.operator, 'GET', `/job/${id}`, { signal });
    tolerate(refusal);
    if (refusal) return undefined;
    const [job] = (Array.isArray(body.jobs) ? body.jobs : []).filter(isFields);
    if (!job) throw unavailable(`slurmrestd gave no job ${id}`);
    return version.job(job);
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
