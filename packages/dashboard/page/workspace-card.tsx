import type { Job, JobType, UserWorkspaces, Workspace } from '@user-workspaces/client';
import { useState } from 'preact/hooks';
import { JobRow } from './job-row.js';
import { sizeText, timeText } from './messages.js';

/** How many ended jobs are shown. */
const endedShown = 3;

function isActive(job: Job): boolean {
  return job.status === 'pending' || job.status === 'running' || job.status === 'stopping';
}

/** One workspace with its jobs. */
export function WorkspaceCard(props: {
  client: UserWorkspaces;
  workspace: Workspace;
  /** Newest first. */
  jobs: readonly Job[];
  jobTypes: readonly JobType[];
  onProblem: (error: unknown) => void;
}) {
  const { client, workspace, jobs, jobTypes, onProblem } = props;
  const [chosen, setChosen] = useState<string>();
  const [isBusy, setBusy] = useState(false);
  const [isConfirming, setConfirming] = useState(false);
  const jobType = chosen ?? workspace.default_job_type ?? jobTypes[0]?.id ?? '';
  const isGoing = workspace.status === 'deleting';
  const { files, symlinks } = workspace.workspace_details.current_workspace_details;
  const count = files.length + symlinks.length;
  const active = jobs.filter(isActive);
  const ended = jobs.filter((job) => !isActive(job)).slice(0, endedShown);

  const act = async (work: () => Promise<unknown>) => {
    setBusy(true);
    try {
      await work();
    } catch (error) {
      onProblem(error);
    } finally {
      setBusy(false);
    }
  };

  return (
    <li class="card workspace">
      <div class="title">
        <h3>{workspace.name}</h3>
        <span class={`state ${workspace.status}`}>{workspace.status}</span>
      </div>
      {workspace.description !== '' && <p>{workspace.description}</p>}
      {workspace.status_reason !== null && <p role="alert">{workspace.status_reason}</p>}
      <p class="facts">
        {count === 1 ? '1 entry' : `${count} entries`} · {sizeText(workspace.disk_space)} · created{' '}
        <time dateTime={workspace.datetime_created}>{timeText(workspace.datetime_created)}</time>
      </p>
      {jobs.length > 0 && (
        <ul class="jobs">
          {[...active, ...ended].map((job) => (
            <JobRow key={job.id} client={client} job={job} jobTypes={jobTypes} onProblem={onProblem} />
          ))}
        </ul>
      )}
      <form
        class="actions"
        onSubmit={(event) => {
          event.preventDefault();
          void act(() => client.workspaces.start(workspace.id, { job_type: jobType }));
        }}
      >
        <label>
          <span class="hidden">Job type for {workspace.name}</span>
          <select value={jobType} disabled={isGoing} onChange={(event) => setChosen(event.currentTarget.value)}>
            {jobTypes.map(({ id, name }) => (
              <option key={id} value={id}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <button type="submit" disabled={isBusy || isGoing || jobType === ''}>
          Start
        </button>
        {isConfirming ? (
          <>
            <button
              type="button"
              class="danger"
              disabled={isBusy || isGoing}
              onClick={() => act(() => client.workspaces.delete(workspace.id, { force: true }))}
            >
              {active.length > 0 ? 'Stop its jobs and delete all its files' : 'Delete all its files'}
            </button>
            <button type="button" class="quiet" onClick={() => setConfirming(false)}>
              Keep
            </button>
          </>
        ) : (
          <button type="button" class="quiet" disabled={isGoing} onClick={() => setConfirming(true)}>
            Delete …
          </button>
        )}
      </form>
    </li>
  );
}
