import type { Job, JobType, UserWorkspaces, Workspace } from '@user-workspaces/client';
import { useEffect, useReducer } from 'preact/hooks';

/** What the page shows, as the server says it. */
export interface LiveState {
  readonly isLoaded: boolean;
  readonly workspaces: ReadonlyMap<number, Workspace>;
  readonly jobs: ReadonlyMap<number, Job>;
  readonly jobTypes: readonly JobType[];
  readonly problem: string | undefined;
}

type Action =
  | {
      readonly do: 'load';
      readonly workspaces: readonly Workspace[];
      readonly jobs: readonly Job[];
      readonly jobTypes: readonly JobType[];
    }
  | { readonly do: 'workspace'; readonly workspace: Workspace }
  | { readonly do: 'workspace gone'; readonly id: number }
  | { readonly do: 'job'; readonly job: Job }
  | { readonly do: 'problem'; readonly problem: string | undefined };

const nothing: LiveState = {
  isLoaded: false,
  workspaces: new Map(),
  jobs: new Map(),
  jobTypes: [],
  problem: undefined,
};

/** Lays a row over the map unless the map has a newer version of it. */
function newest<T extends { readonly id: number; readonly version: number }>(
  map: ReadonlyMap<number, T>,
  row: T,
): ReadonlyMap<number, T> {
  const present = map.get(row.id);
  return present && present.version > row.version ? map : new Map(map).set(row.id, row);
}

function reduce(state: LiveState, action: Action): LiveState {
  switch (action.do) {
    case 'load':
      return {
        isLoaded: true,
        workspaces: new Map(action.workspaces.map((workspace) => [workspace.id, workspace])),
        jobs: new Map(action.jobs.map((job) => [job.id, job])),
        jobTypes: action.jobTypes,
        problem: undefined,
      };
    case 'workspace':
      return { ...state, workspaces: newest(state.workspaces, action.workspace) };
    case 'workspace gone': {
      const workspaces = new Map(state.workspaces);
      workspaces.delete(action.id);
      return { ...state, workspaces };
    }
    case 'job':
      return { ...state, jobs: newest(state.jobs, action.job) };
    case 'problem':
      return { ...state, problem: action.problem };
  }
}

/** The caller's workspaces and jobs, read once and then followed by the event stream. */
export function useLiveState(
  client: UserWorkspaces,
  firstEventId: number,
  onProblem: (error: unknown) => void,
): [LiveState, (action: Action) => void] {
  const [state, dispatch] = useReducer(reduce, nothing);
  useEffect(() => {
    const controller = new AbortController();
    const { signal } = controller;
    const load = async () => {
      const [workspaces, jobs, jobTypes] = await Promise.all([
        client.workspaces.list({}, { signal }),
        client.jobs.list({}, { signal }),
        client.catalogue.jobTypes({ signal }),
      ]);
      dispatch({ do: 'load', workspaces: workspaces.items, jobs: jobs.items, jobTypes: Object.values(jobTypes) });
    };
    const follow = async () => {
      await load();
      for await (const event of client.events.stream({ lastEventId: firstEventId, signal })) {
        if (event.type === 'reset') await load();
        else if (event.type === 'workspace.changed') dispatch({ do: 'workspace', workspace: event.workspace });
        else if (event.type === 'workspace.deleted') dispatch({ do: 'workspace gone', id: event.workspace_id });
        else if (event.type === 'job.changed') dispatch({ do: 'job', job: event.job });
      }
    };
    follow().catch((error: unknown) => {
      if (!signal.aborted) onProblem(error);
    });
    return () => controller.abort();
  }, [client, firstEventId]);
  return [state, dispatch];
}
