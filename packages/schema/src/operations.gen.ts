// Generated from openapi/user-workspaces.yaml by `npm run generate`. Do not edit.

/** Every operation of the specification that needs no role, by its operationId. */
export const operations = {
  createToken: {"method":"POST","path":"/tokens/","authentication":false,"query":[],"idempotencyKey":false,"body":"json","answer":"json","servedBy":"handler"},
  getMe: {"method":"GET","path":"/me/","authentication":true,"query":[],"idempotencyKey":false,"body":"none","answer":"json","servedBy":"handler"},
  listTokens: {"method":"GET","path":"/me/tokens/","authentication":true,"query":[],"idempotencyKey":false,"body":"none","answer":"json","servedBy":"handler"},
  revokeToken: {"method":"DELETE","path":"/me/tokens/{token_id}/","authentication":true,"query":[],"idempotencyKey":false,"body":"none","answer":"json","servedBy":"handler"},
  searchUsers: {"method":"GET","path":"/users/","authentication":true,"query":["search","limit","cursor"],"idempotencyKey":false,"body":"none","answer":"json","servedBy":"handler"},
  listWorkspaces: {"method":"GET","path":"/workspaces/","authentication":true,"query":["name","description","status","limit","cursor","order"],"idempotencyKey":false,"body":"none","answer":"json","servedBy":"handler"},
  createWorkspace: {"method":"POST","path":"/workspaces/","authentication":true,"query":[],"idempotencyKey":true,"body":"json","answer":"json","servedBy":"handler"},
  getWorkspace: {"method":"GET","path":"/workspaces/{workspace_id}/","authentication":true,"query":[],"idempotencyKey":false,"body":"none","answer":"json","servedBy":"handler"},
  updateWorkspace: {"method":"PUT","path":"/workspaces/{workspace_id}/","authentication":true,"query":[],"idempotencyKey":false,"body":"json","answer":"json","servedBy":"handler"},
  deleteWorkspace: {"method":"DELETE","path":"/workspaces/{workspace_id}/","authentication":true,"query":["force"],"idempotencyKey":false,"body":"none","answer":"json","servedBy":"handler"},
  startWorkspace: {"method":"PUT","path":"/workspaces/{workspace_id}/start/","authentication":true,"query":[],"idempotencyKey":true,"body":"json","answer":"json","servedBy":"handler"},
  uploadFiles: {"method":"PUT","path":"/workspaces/{workspace_id}/upload/","authentication":true,"query":[],"idempotencyKey":false,"body":"multipart","answer":"json","servedBy":"handler"},
  listFiles: {"method":"GET","path":"/workspaces/{workspace_id}/files/","authentication":true,"query":["path","limit","cursor"],"idempotencyKey":false,"body":"none","answer":"json","servedBy":"handler"},
  deleteFile: {"method":"DELETE","path":"/workspaces/{workspace_id}/files/","authentication":true,"query":["path"],"idempotencyKey":false,"body":"none","answer":"json","servedBy":"handler"},
  readFile: {"method":"GET","path":"/workspaces/{workspace_id}/files/content/","authentication":true,"query":["path"],"idempotencyKey":false,"body":"none","answer":"binary","servedBy":"handler"},
  writeFile: {"method":"PUT","path":"/workspaces/{workspace_id}/files/content/","authentication":true,"query":["path"],"idempotencyKey":false,"body":"binary","answer":"json","servedBy":"handler"},
  makeDirectory: {"method":"PUT","path":"/workspaces/{workspace_id}/files/directory/","authentication":true,"query":["path"],"idempotencyKey":false,"body":"none","answer":"json","servedBy":"handler"},
  renameFile: {"method":"PUT","path":"/workspaces/{workspace_id}/files/rename/","authentication":true,"query":[],"idempotencyKey":false,"body":"json","answer":"json","servedBy":"handler"},
  readArchive: {"method":"GET","path":"/workspaces/{workspace_id}/files/archive/","authentication":true,"query":["path","format"],"idempotencyKey":false,"body":"none","answer":"binary","servedBy":"handler"},
  createUpload: {"method":"POST","path":"/workspaces/{workspace_id}/uploads/","authentication":true,"query":[],"idempotencyKey":false,"body":"json","answer":"json","servedBy":"handler"},
  getUpload: {"method":"GET","path":"/workspaces/{workspace_id}/uploads/{upload_id}/","authentication":true,"query":[],"idempotencyKey":false,"body":"none","answer":"json","servedBy":"handler"},
  appendUpload: {"method":"PUT","path":"/workspaces/{workspace_id}/uploads/{upload_id}/","authentication":true,"query":["offset"],"idempotencyKey":false,"body":"binary","answer":"json","servedBy":"handler"},
  abandonUpload: {"method":"DELETE","path":"/workspaces/{workspace_id}/uploads/{upload_id}/","authentication":true,"query":[],"idempotencyKey":false,"body":"none","answer":"json","servedBy":"handler"},
  listJobs: {"method":"GET","path":"/jobs/","authentication":true,"query":["workspace_id","resource_job_id","job_type","status","limit","cursor","order"],"idempotencyKey":false,"body":"none","answer":"json","servedBy":"handler"},
  getJob: {"method":"GET","path":"/jobs/{job_id}/","authentication":true,"query":[],"idempotencyKey":false,"body":"none","answer":"json","servedBy":"handler"},
  stopJob: {"method":"PUT","path":"/jobs/{job_id}/stop/","authentication":true,"query":[],"idempotencyKey":false,"body":"none","answer":"json","servedBy":"handler"},
  extendJob: {"method":"PUT","path":"/jobs/{job_id}/extend/","authentication":true,"query":[],"idempotencyKey":false,"body":"json","answer":"json","servedBy":"handler"},
  readJobLogs: {"method":"GET","path":"/jobs/{job_id}/logs/","authentication":true,"query":["tail_bytes","offset","follow"],"idempotencyKey":false,"body":"none","answer":"text","servedBy":"handler"},
  listShares: {"method":"GET","path":"/shared_workspaces/","authentication":true,"query":["is_accepted","limit","cursor","order"],"idempotencyKey":false,"body":"none","answer":"json","servedBy":"handler"},
  createShares: {"method":"POST","path":"/shared_workspaces/","authentication":true,"query":[],"idempotencyKey":true,"body":"json","answer":"json","servedBy":"handler"},
  getShare: {"method":"GET","path":"/shared_workspaces/{shared_workspace_id}/","authentication":true,"query":[],"idempotencyKey":false,"body":"none","answer":"json","servedBy":"handler"},
  deleteShare: {"method":"DELETE","path":"/shared_workspaces/{shared_workspace_id}/","authentication":true,"query":[],"idempotencyKey":false,"body":"none","answer":"json","servedBy":"handler"},
  acceptShare: {"method":"PUT","path":"/shared_workspaces/{shared_workspace_id}/accept/","authentication":true,"query":[],"idempotencyKey":false,"body":"none","answer":"json","servedBy":"handler"},
  streamEvents: {"method":"GET","path":"/events/","authentication":true,"query":["last_event_id"],"idempotencyKey":false,"body":"none","answer":"events","servedBy":"handler"},
  listJobTypes: {"method":"GET","path":"/job_types/","authentication":false,"query":[],"idempotencyKey":false,"body":"none","answer":"json","servedBy":"handler"},
  listParameters: {"method":"GET","path":"/parameters/","authentication":false,"query":[],"idempotencyKey":false,"body":"none","answer":"json","servedBy":"handler"},
  listResources: {"method":"GET","path":"/resources/","authentication":true,"query":[],"idempotencyKey":false,"body":"none","answer":"json","servedBy":"handler"},
  getLimits: {"method":"GET","path":"/limits/","authentication":false,"query":[],"idempotencyKey":false,"body":"none","answer":"json","servedBy":"handler"},
  getStatus: {"method":"GET","path":"/status/","authentication":false,"query":[],"idempotencyKey":false,"body":"none","answer":"json","servedBy":"handler"},
  getHealth: {"method":"GET","path":"/healthz","authentication":false,"query":[],"idempotencyKey":false,"body":"none","answer":"json","servedBy":"handler"},
  getReadiness: {"method":"GET","path":"/readyz","authentication":false,"query":[],"idempotencyKey":false,"body":"none","answer":"json","servedBy":"handler"},
  getMetrics: {"method":"GET","path":"/metrics","authentication":false,"query":[],"idempotencyKey":false,"body":"none","answer":"text","servedBy":"handler"},
  openSession: {"method":"GET","path":"/passthrough/{hostname}/{job_id}/{path}","authentication":true,"query":[],"idempotencyKey":false,"body":"none","answer":"none","servedBy":"proxy"},
} as const;

export const errorCodes = ["invalid_json","invalid_field","missing_field","invalid_path","link_refused","unknown_job_type","job_type_misconfigured","unknown_action","workspace_busy","share_pending","share_accepted","job_not_active","not_authenticated","invalid_token","sign_in_failed","permission_denied","not_found","method_not_allowed","request_timeout","conflict","idempotency_conflict","precondition_failed","too_large","range_not_satisfiable","invalid_options","quota_exceeded","rate_limited","internal","unsupported","session_unreachable","unavailable","disk_full"] as const;
export const ticketParameter = "uws_ticket" as const;
export const sessionCookie = "uws_session" as const;
export const specificationVersion = "0.1.0" as const;
