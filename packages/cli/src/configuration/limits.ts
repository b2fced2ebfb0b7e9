import type { Limits } from '@user-workspaces/server';
import type { SettingValues } from './settings.js';

/** The server's limits from the settings, whose names begin with `limit_`. */
export function limitsOf(values: SettingValues): Limits {
  return {
    header_bytes: values.limit_header_bytes,
    headers: values.limit_headers,
    url_bytes: values.limit_url_bytes,
    json_bytes: values.limit_json_bytes,
    json_depth: values.limit_json_depth,
    json_values: values.limit_json_values,
    open_json_bytes: values.limit_open_json_bytes,
    all_json_bytes: values.limit_all_json_bytes,
    job_details_bytes: values.limit_job_details_bytes,
    workspace_details_bytes: values.limit_workspace_details_bytes,
    list_bytes: values.limit_list_bytes,
    file_bytes: values.limit_file_bytes,
    chunk_bytes: values.limit_chunk_bytes,
    files_per_request: values.limit_files_per_request,
    links_per_request: values.limit_links_per_request,
    links_per_workspace: values.limit_links_per_workspace,
    shares_per_request: values.limit_shares_per_request,
    requests_per_minute: values.limit_requests_per_minute,
    failed_sign_ins_per_minute: values.limit_failed_sign_ins_per_minute,
    open_requests: values.limit_open_requests,
    open_event_streams: values.limit_open_event_streams,
    open_job_sockets: values.limit_open_job_sockets,
    open_archives: values.limit_open_archives,
    open_uploads: values.limit_open_uploads,
    open_shares: values.limit_open_shares,
    open_shares_to_one: values.limit_open_shares_to_one,
    open_session_requests: values.limit_open_session_requests,
    open_session_sockets: values.limit_open_session_sockets,
    all_session_sockets: values.limit_all_session_sockets,
    header_seconds: values.limit_header_seconds,
    json_seconds: values.limit_json_seconds,
    idle_seconds: values.limit_idle_seconds,
  };
}
