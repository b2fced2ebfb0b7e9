import type { Job } from '@user-workspaces/client';
import { between, oneOf } from '../chance.js';
import { insist, insistOn } from '../insist.js';
import type { Turn } from '../person.js';
import type { PromisedJob, PromisedWorkspace } from '../promises.js';

/** Also as the job type of `configuration.mjs` prints it. */
export const logOf = (jobId: number): string => `job ${jobId} begins\njob ${jobId} ends\n`;

export async function start(turn: Turn, workspace: PromisedWorkspace): Promise<void> {
  const { person, random, name: key } = turn;
  const exitCode = between(random, 0, 3);
  const job_details = { seconds: 0.1 + random.next() * 2, exit_code: exitCode };
  const send = async (): Promise<number> => {
    const request = { job_type: 'counting', job_details };
    return (await person.client.workspaces.start(workspace.id, request, { idempotencyKey: key })).id;
  };
  const { value: id } = await insistOn('starting', send);
  person.note(key, id);
  person.promises.jobs.set(id, { id, workspaceId: workspace.id, exitCode, mayBeStopped: false });
  if (random.next() < 0.3) person.note(key, (await insistOn('starting again', send)).value);
}

/** One of the person's last jobs that nobody wants to stop. */
function lately({ person, random }: Turn): PromisedJob | undefined {
  return oneOf(random, [...person.promises.jobs.values()].filter(({ mayBeStopped }) => !mayBeStopped).slice(-3));
}

export async function stop(turn: Turn): Promise<void> {
  const job = lately(turn);
  if (!job) return;
  job.mayBeStopped = true;
  const outcome = await insist(() => turn.person.client.jobs.stop(job.id));
  if ('refusal' in outcome && outcome.refusal.code !== 'job_not_active') throw outcome.refusal;
}

export async function look(turn: Turn): Promise<void> {
  const job = lately(turn);
  if (!job) return;
  const { value } = await insistOn('looking at a job', () => turn.person.client.jobs.get(job.id));
  if (value.id !== job.id) throw new Error(`asked for job ${job.id}, was shown ${value.id}`);
}

/** Over a WebSocket, or by asking, whichever gets through. */
export async function waitForEnd(turn: Turn): Promise<void> {
  const job = lately(turn);
  if (!job) return;
  const { value } = await insistOn('waiting for the end of a job', () =>
    turn.person.client.jobs.waitUntilEnded(job.id, { timeoutMs: 60_000 }),
  );
  requireEnd(job, value);
}

/** Follows the output to its end: every byte once, however often the connection breaks. */
export async function readLog(turn: Turn): Promise<void> {
  const job = lately(turn);
  if (!job) return;
  const { client } = turn.person;
  const { value: text } = await insistOn('reading a log', async () => {
    let all = '';
    for await (const piece of client.jobs.logs(job.id, { follow: true })) all += piece;
    return all;
  });
  const { value } = await insistOn('looking at a job', () => client.jobs.get(job.id));
  requireEnd(job, value);
  if (value.exit_code === job.exitCode && !mayBeLog(turn, job.id, text)) {
    throw new Error(`the log of job ${job.id} is ${JSON.stringify(text)}`);
  }
}

/** While the disk is full a program that goes on is without what it says then. */
function mayBeLog({ person }: Turn, jobId: number, text: string): boolean {
  const whole = logOf(jobId);
  if (!person.cluster.disk) return text === whole;
  return [whole, '', ...whole.split(/(?<=\n)/)].includes(text);
}

function requireEnd(job: PromisedJob, { exit_code, status, status_reason }: Job): void {
  // What a full disk may do to a job is looked at in the end, in its row.
  if (job.mayBeStopped || status_reason === 'launch_failed') return;
  if (exit_code === job.exitCode && status === (exit_code === 0 ? 'complete' : 'failed')) return;
  throw new Error(`job ${job.id}, to end with ${job.exitCode}, is ${status} with ${exit_code} (${status_reason})`);
}
