import type { NewRow } from '@user-workspaces/contract';

export function newUser(username: string, changes: Partial<NewRow<'users'>> = {}): NewRow<'users'> {
  return {
    username,
    email: `${username}@example.org`,
    first_name: 'First',
    last_name: 'Last',
    search_text: `first last ${username}@example.org`,
    is_active: true,
    deactivated_at_ms: null,
    session_epoch: 0,
    role: 'user',
    event_seq: 0,
    max_disk_space_bytes: null,
    max_core_hours: null,
    max_active_jobs: null,
    max_workspaces: null,
    used_disk_space_bytes: 0,
    used_core_hours: 0,
    created_at_ms: 1_700_000_000_000,
    ...changes,
  };
}

export function newWorkspace(name: string, changes: Partial<NewRow<'workspaces'>> = {}): NewRow<'workspaces'> {
  return {
    user_id: 1,
    name,
    description: '',
    disk_space_bytes: 0,
    created_at_ms: 1_700_000_000_000,
    last_modified_at_ms: null,
    last_job_launch_at_ms: null,
    request_details: {},
    current_details: {},
    pending_changes: {},
    status: 'idle',
    status_reason: null,
    default_job_type: null,
    storage: 'local',
    location: '',
    account: {},
    is_listed: true,
    version: 0,
    lease_owner: null,
    lease_until_ms: 0,
    lease_fence: 0,
    due_at_ms: null,
    attempts: 0,
    ...changes,
  };
}
