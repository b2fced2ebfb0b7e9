import { AuthenticationError, type JobType, type UserWorkspaces } from '@user-workspaces/client';
import { useState } from 'preact/hooks';
import { useLiveState } from './live-state.js';
import { messageOf } from './messages.js';
import { WorkspaceCard } from './workspace-card.js';

/** The user's workspaces, newest first, and the form for another. */
export function WorkspaceList(props: {
  client: UserWorkspaces;
  firstEventId: number;
  onSignedOut: (reason: unknown) => void;
}) {
  const { client, firstEventId, onSignedOut } = props;
  const [state, dispatch] = useLiveState(client, firstEventId, (error) => report(error));
  const report = (error: unknown): void => {
    if (error instanceof AuthenticationError) onSignedOut(error);
    else dispatch({ do: 'problem', problem: messageOf(error) });
  };
  const jobs = [...state.jobs.values()].sort((a, b) => b.id - a.id);
  return (
    <>
      {state.problem !== undefined && (
        <p role="alert" class="problem">
          {state.problem}{' '}
          <button type="button" class="quiet" onClick={() => dispatch({ do: 'problem', problem: undefined })}>
            Dismiss
          </button>
        </p>
      )}
      <CreateForm client={client} jobTypes={state.jobTypes} onProblem={report} />
      {!state.isLoaded && <p role="status">Loading …</p>}
      {state.isLoaded && state.workspaces.size === 0 && (
        <p class="empty">
          No workspaces yet. Create the first one above: it is a directory that stays, whatever runs in it.
        </p>
      )}
      <ul class="workspaces">
        {[...state.workspaces.values()]
          .sort((a, b) => b.id - a.id)
          .map((workspace) => (
            <WorkspaceCard
              key={workspace.id}
              client={client}
              workspace={workspace}
              jobs={jobs.filter((job) => job.workspace_id === workspace.id)}
              jobTypes={state.jobTypes}
              onProblem={report}
            />
          ))}
      </ul>
    </>
  );
}

function CreateForm(props: {
  client: UserWorkspaces;
  jobTypes: readonly JobType[];
  onProblem: (error: unknown) => void;
}) {
  const { client, jobTypes, onProblem } = props;
  const [name, setName] = useState('');
  const [description, setDescription] = useState('');
  const [jobType, setJobType] = useState('');
  const [isBusy, setBusy] = useState(false);
  const create = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    try {
      await client.workspaces.create({ name, description, ...(jobType !== '' && { default_job_type: jobType }) });
      setName('');
      setDescription('');
    } catch (error) {
      onProblem(error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <form class="card create" onSubmit={create}>
      <h2>New workspace</h2>
      <label>
        Name
        <input required maxLength={64} value={name} onInput={(event) => setName(event.currentTarget.value)} />
      </label>
      <label>
        Description
        <input value={description} onInput={(event) => setDescription(event.currentTarget.value)} />
      </label>
      <label>
        Usual job
        <select value={jobType} onChange={(event) => setJobType(event.currentTarget.value)}>
          <option value="">none</option>
          {jobTypes.map(({ id, name: label }) => (
            <option key={id} value={id}>
              {label}
            </option>
          ))}
        </select>
      </label>
      <button type="submit" disabled={isBusy}>
        Create workspace
      </button>
    </form>
  );
}
