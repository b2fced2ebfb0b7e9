import type { Job, JobType, UserWorkspaces } from '@user-workspaces/client';
import { useEffect, useState } from 'preact/hooks';
import { detailOf, isReady, isStarting, stateOf, timeLeft } from './messages.js';

/** One job: its state, how to get into its session, and why it ended. */
export function JobRow(props: {
  client: UserWorkspaces;
  job: Job;
  jobTypes: readonly JobType[];
  onProblem: (error: unknown) => void;
}) {
  const { client, job, jobTypes, onProblem } = props;
  const nowMs = useNow(job.status === 'running');
  const name = jobTypes.find(({ id }) => id === job.job_type)?.name ?? job.job_type;
  const detail = detailOf(job);
  const left = timeLeft(job, nowMs);

  /** Reads the job anew for a fresh ticket. The session gets no way back to this page, whose origin it may share. */
  const open = async () => {
    try {
      const session = await client.jobs.waitUntilReady(job.id);
      window.open(session.url, '_blank', 'noopener,noreferrer');
    } catch (error) {
      onProblem(error);
    }
  };

  return (
    <li class="job">
      <div class="line">
        <span class={`state ${isStarting(job) ? 'starting' : job.status}`}>{stateOf(job)}</span>
        <span class="name">
          {name} <small>#{job.id}</small>
        </span>
        {left !== undefined && <small>{left}</small>}
        <span class="buttons">
          {isReady(job) && (
            <button type="button" onClick={open}>
              Open session
            </button>
          )}
          {(job.status === 'pending' || job.status === 'running') && (
            <button type="button" class="quiet" onClick={() => client.jobs.stop(job.id).catch(onProblem)}>
              Stop
            </button>
          )}
        </span>
      </div>
      {detail !== undefined && (
        <p class="detail" role={job.status === 'failed' ? 'alert' : 'status'}>
          {detail}
        </p>
      )}
      {job.last_log_lines.length > 0 && (
        <details onToggle={({ currentTarget }) => showEnd(currentTarget)}>
          <summary>
            Its last output <code>{lastOf(job.last_log_lines)}</code>
          </summary>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must scroll by the keyboard, too. */}
          <pre tabIndex={0}>{job.last_log_lines.join('\n')}</pre>
        </details>
      )}
    </li>
  );
}

/** The last line that says something: mostly the reason. */
function lastOf(lines: readonly string[]): string {
  return lines.findLast((line) => line.trim() !== '') ?? '';
}

/** What was put out last is what one wants to read first. */
function showEnd(details: HTMLDetailsElement): void {
  const output = details.querySelector('pre');
  if (output) output.scrollTop = output.scrollHeight;
}

/** The time, moving on while it matters. */
function useNow(isMoving: boolean): number {
  const [nowMs, setNow] = useState(Date.now);
  useEffect(() => {
    if (!isMoving) return;
    const timer = setInterval(() => setNow(Date.now()), 15_000);
    return () => clearInterval(timer);
  }, [isMoving]);
  return nowMs;
}
