import type { ClusterJob, Submission } from '../transport.js';

/** What slurmrestd says went wrong: Slurm's own number where it gives one, and its own words. */
export interface RestError {
  readonly number: number;
  readonly text: string;
}

/** Slurm's own numbers, as far as they matter here. */
export const slurmErrors = {
  accessDenied: 2002,
  invalidJobId: 2017,
  alreadyDone: 2021,
  invalidTimeLimit: 2051,
  jobFinished: 2084,
} as const;

/** How one version of slurmrestd's interface writes what all have in common. */
export interface Version {
  /** Such as `v0.0.38`. */
  readonly name: string;
  /** A job that is held, belongs to no batch of others and is never put back into the queue. */
  submission(submission: Submission): object;
  /** Changes of a job of this name; what is not named stays as it is. */
  change(jobName: string, change: { readonly hold: false } | { readonly timeLimitMinutes: number }): object;
  /** Of an element of `jobs`. */
  job(fields: Fields): ClusterJob;
}

export type Fields = Readonly<Record<string, unknown>>;

/** Versions of Slurm 22.05, as a real one speaks them. */
function plain(name: string): Version {
  return {
    name,
    submission: ({ name: jobName, script, options }) => ({
      script,
      job: {
        name: jobName,
        hold: true,
        // `requeue: false` is passed over.
        no_requeue: true,
        environment: { PATH: path },
        current_working_directory: '/',
        standard_output: '/dev/null',
        ...fieldsOf(options),
      },
    }),
    // Each change also gives the job, unless it says otherwise, what a new one gets: v0.0.36 another name, all of them leave to be put back into the queue.
    change: (jobName, change) => ({
      name: jobName,
      no_requeue: true,
      ...('hold' in change ? { hold: false } : { time_limit: change.timeLimitMinutes }),
    }),
    job: (fields) => ({
      id: Number(fields.job_id),
      name: String(fields.name),
      state: String(fields.job_state),
      reason: String(fields.state_reason),
      submittedAtMs: timeOf(fields.submit_time) ?? 0,
      startedAtMs: timeOf(fields.start_time),
      endedAtMs: timeOf(fields.end_time),
      cpus: Number(fields.cpus),
      waitStatus: Number(fields.exit_code),
      node: typeof fields.batch_host === 'string' && fields.batch_host !== '' ? fields.batch_host : null,
    }),
  };
}

/** All versions that there is evidence for, newest first. */
export const versions: readonly Version[] = ['v0.0.38', 'v0.0.37', 'v0.0.36'].map(plain);

const path = '/usr/local/bin:/usr/bin:/bin';

/** Names of fields that are not those of the options of `sbatch`. */
const fieldNames: Readonly<Record<string, string>> = {
  constraint: 'constraints',
  mem: 'memory_per_node',
  ntasks: 'tasks',
  time: 'time_limit',
};
/** Fields that take numbers alone. */
const numbers = new Set(['cpus_per_task', 'nodes', 'tasks', 'time_limit']);

function fieldsOf(options: Submission['options']): Fields {
  return Object.fromEntries(
    [...options].map(([option, value]) => {
      const name = fieldNames[option] ?? option.replaceAll('-', '_');
      if (name === 'exclusive' && value === true) return [name, 'exclusive'];
      return [name, numbers.has(name) && /^\d+$/.test(String(value)) ? Number(value) : value];
    }),
  );
}

/** Milliseconds of a time in seconds; 0 stands for none. */
function timeOf(value: unknown): number | null {
  return typeof value === 'number' && value > 0 ? value * 1000 : null;
}

/** Numbers of refusals that the oldest version gives in words alone. */
const numbersOfWords: readonly (readonly [words: string, number: number])[] = [
  ['Access/permission denied', slurmErrors.accessDenied],
  ['Invalid job id specified', slurmErrors.invalidJobId],
  ['Job has already finished', slurmErrors.jobFinished],
  ['Requested time limit is invalid', slurmErrors.invalidTimeLimit],
];

/** The errors of an answer. The names of their fields differ, even between the operations of one version. */
export function errorsOf(body: Fields): readonly RestError[] {
  return (Array.isArray(body.errors) ? body.errors : []).filter(isFields).map((error) => {
    const given = [error.error_number, error.error_code, error.errno].find((value) => typeof value === 'number');
    const texts = [error.error, error.description].filter((value) => typeof value === 'string');
    const text = texts.find((value) => value !== '' && value !== 'Unspecified error') ?? texts[0] ?? '';
    const [words = text, number = 0] = numbersOfWords.find(([words]) => text.includes(words)) ?? [];
    return given ? { number: given, text } : { number, text: words };
  });
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
