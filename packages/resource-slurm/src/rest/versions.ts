import { allocatedGpus } from '../gpus.js';
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
  /** Whether it tells a job that is not there from a question that cannot be answered. v0.0.36 calls a job unknown when the token is bad, too, or the scheduler away. */
  readonly tellsMissing: boolean;
  /** A job that is held, belongs to no batch of others and is never put back into the queue. */
  submission(submission: Submission): object;
  /** Changes of a job of this name; what is not named stays as it is. */
  change(jobName: string, change: { readonly hold: false } | { readonly timeLimitMinutes: number }): object;
  /** Of an element of `jobs`. */
  job(fields: Fields): ClusterJob;
}

export type Fields = Readonly<Record<string, unknown>>;

const path = '/usr/local/bin:/usr/bin:/bin';

/** Versions up to v0.0.38: numbers, texts and times as they are. Tried with the slurmrestd of Slurm 22.05. */
function plain(name: string): Version {
  return {
    name,
    tellsMissing: name !== 'v0.0.36',
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
        ...plainFields(options),
      },
    }),
    // v0.0.36 gives a job another name with each change that does not repeat its own.
    change: (jobName, change) => ({
      name: jobName,
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
      gpus: allocatedGpus(fields.tres_alloc_str),
      waitStatus: Number(fields.exit_code),
      node: nodeOf(fields),
    }),
  };
}

/** Versions from v0.0.40 on: numbers that may be missing or endless are objects, a state is a list, an environment a list of assignments. By their published schemas. */
function structured(name: string): Version {
  return {
    name,
    tellsMissing: true,
    submission: ({ name: jobName, script, options }) => ({
      script,
      job: {
        name: jobName,
        hold: true,
        requeue: false,
        environment: [`PATH=${path}`],
        current_working_directory: '/',
        standard_output: '/dev/null',
        ...structuredFields(options),
      },
    }),
    change: (_, change) => ('hold' in change ? { hold: false } : { time_limit: someNumber(change.timeLimitMinutes) }),
    job: (fields) => ({
      id: Number(fields.job_id),
      name: String(fields.name),
      state: stateOf(fields.job_state),
      reason: String(fields.state_reason),
      submittedAtMs: timeOf(numberOf(fields.submit_time)) ?? 0,
      startedAtMs: timeOf(numberOf(fields.start_time)),
      endedAtMs: timeOf(numberOf(fields.end_time)),
      cpus: numberOf(fields.cpus) ?? 0,
      gpus: allocatedGpus(fields.tres_alloc_str),
      waitStatus: waitStatusOf(fields.exit_code),
      node: nodeOf(fields),
    }),
  };
}

/** What the gateways of sites take and give: v0.0.40, but numbers as they are and an environment as an object; GPUs are counted per job. */
export const gatewayShape: Pick<Version, 'submission' | 'job'> = {
  submission: ({ name: jobName, script, options }) => {
    const { gres, memory_per_node: memory, ...fields } = plainFields(options);
    const job = {
      name: jobName,
      requeue: false,
      environment: { PATH: path },
      current_working_directory: '/',
      standard_output: '/dev/null',
      ...fields,
      ...(memory !== undefined && { memory_per_node: megabytesOf(String(memory)) }),
      ...(gres !== undefined && { tres_per_job: `gres/${String(gres).replace(/:(\d+)$/, '=$1')}` }),
    };
    return { script, job };
  },
  job: (fields) => structured('v0.0.40').job(fields),
};

/** All versions that there is evidence for, newest first. v0.0.39 is spoken only where one of these is, too. */
export const versions: readonly Version[] = [
  ...['v0.0.45', 'v0.0.44', 'v0.0.43', 'v0.0.42', 'v0.0.41', 'v0.0.40'].map(structured),
  ...['v0.0.38', 'v0.0.37', 'v0.0.36'].map(plain),
];

/** Names of fields that are not those of the options of `sbatch`. */
const fieldNames: Readonly<Record<string, string>> = {
  constraint: 'constraints',
  mem: 'memory_per_node',
  ntasks: 'tasks',
  time: 'time_limit',
};

function fieldsOf(
  options: Submission['options'],
  write: (name: string, value: string | true) => readonly [name: string, value: unknown],
): Fields {
  return Object.fromEntries(
    [...options].map(([option, value]) => write(fieldNames[option] ?? option.replaceAll('-', '_'), value)),
  );
}

function plainFields(options: Submission['options']): Fields {
  const numbers = new Set(['cpus_per_task', 'nodes', 'tasks', 'time_limit']);
  return fieldsOf(options, (name, value) => {
    if (name === 'exclusive' && value === true) return [name, 'exclusive'];
    return [name, numbers.has(name) && isWhole(value) ? Number(value) : value];
  });
}

function structuredFields(options: Submission['options']): Fields {
  return fieldsOf(options, (name, value) => {
    if (name === 'exclusive' && value === true) return ['shared', ['none']];
    if (name === 'gres') return ['tres_per_node', String(value).replace(/(^|,)(?!gres\/)/g, '$1gres/')];
    if (name === 'memory_per_node') return [name, someNumber(megabytesOf(String(value)))];
    if (name === 'time_limit' && isWhole(value)) return [name, someNumber(Number(value))];
    const isNumber = name === 'cpus_per_task' || name === 'tasks';
    return [name, isNumber && isWhole(value) ? Number(value) : value];
  });
}

function isWhole(value: string | true): boolean {
  return value !== true && /^\d+$/.test(value);
}

/** What `sbatch` takes for memory, such as `120M` or `2G`, in its own unit. */
function megabytesOf(text: string): number {
  const [, amount, unit = 'M'] = /^(\d+)([KMGT]?)/.exec(text) ?? [];
  return Math.ceil(Number(amount) * 1024 ** ('KMGT'.indexOf(unit || 'M') - 1));
}

function someNumber(number: number): Fields {
  return { set: true, infinite: false, number };
}

function numberOf(value: unknown): number | null {
  return isFields(value) && value.set === true && typeof value.number === 'number' ? value.number : null;
}

/** Flags of a state that say more of a job than the state that they are added to, as the commands show them. */
const flags = [
  'COMPLETING',
  'CONFIGURING',
  'REQUEUED',
  'REQUEUE_FED',
  'REQUEUE_HOLD',
  'SPECIAL_EXIT',
  'REVOKED',
  'RESV_DEL_HOLD',
];
const bases = new Set([
  'PENDING',
  'RUNNING',
  'SUSPENDED',
  'COMPLETED',
  'CANCELLED',
  'FAILED',
  'TIMEOUT',
  'NODE_FAIL',
  'PREEMPTED',
  'BOOT_FAIL',
  'DEADLINE',
  'OUT_OF_MEMORY',
]);

function stateOf(value: unknown): string {
  const states = (Array.isArray(value) ? value : []).map(String);
  return flags.find((flag) => states.includes(flag)) ?? states.find((state) => bases.has(state)) ?? states[0] ?? '';
}

function waitStatusOf(value: unknown): number {
  if (!isFields(value)) return 0;
  const signal = isFields(value.signal) ? numberOf(value.signal.id) : null;
  return (numberOf(value.return_code) ?? 0) * 256 + (signal ?? 0);
}

/** Milliseconds of a time in seconds; 0 stands for none. */
function timeOf(value: unknown): number | null {
  return typeof value === 'number' && value > 0 ? value * 1000 : null;
}

function nodeOf({ batch_host: host }: Fields): string | null {
  return typeof host === 'string' && host !== '' ? host : null;
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

/** Numbers by which the scheduler asks to be asked again: it is short of something, or only stands in for another. */
const passing = new Set([2007, 2027, 2131]);

/** Whether it is the scheduler that refuses, by a number for jobs. */
function isVerdict({ number }: RestError): boolean {
  return number >= 2000 && number < 3000 && !passing.has(number);
}

/** Why the scheduler did not do what it was asked to; nothing where that is not its own word. */
export function refusalIn(status: number, errors: readonly RestError[]): RestError | undefined {
  // What cannot be read, or holds what slurmrestd does not know, is told by the status.
  return errors.find((error) => status === 400 || status === 422 || isVerdict(error));
}

/** Whether a job is past what it was asked to do: it has ended, or is forgotten. */
export function isPast({ number }: RestError): boolean {
  return (
    number === slurmErrors.invalidJobId || number === slurmErrors.alreadyDone || number === slurmErrors.jobFinished
  );
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
