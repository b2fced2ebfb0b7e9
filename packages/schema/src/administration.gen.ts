// Generated from openapi/user-workspaces.yaml by `npm run generate`. Do not edit.

/** Every operation that needs a role, by its operationId. */
export const administrationOperations = {
  adminListUsers: {"method":"GET","path":"/admin/users/","authentication":true,"query":["search","is_active","role","limit","cursor","order"],"idempotencyKey":false,"body":"none","answer":"json","servedBy":"handler","role":"administrator"},
  adminCreateUser: {"method":"POST","path":"/admin/users/","authentication":true,"query":[],"idempotencyKey":true,"body":"json","answer":"json","servedBy":"handler","role":"administrator"},
  adminGetUser: {"method":"GET","path":"/admin/users/{user_id}/","authentication":true,"query":[],"idempotencyKey":false,"body":"none","answer":"json","servedBy":"handler","role":"administrator"},
  adminDeleteUser: {"method":"DELETE","path":"/admin/users/{user_id}/","authentication":true,"query":[],"idempotencyKey":false,"body":"none","answer":"json","servedBy":"handler","role":"administrator"},
  adminDeactivateUser: {"method":"PUT","path":"/admin/users/{user_id}/deactivate/","authentication":true,"query":["stop_jobs"],"idempotencyKey":false,"body":"none","answer":"json","servedBy":"handler","role":"administrator"},
  adminReactivateUser: {"method":"PUT","path":"/admin/users/{user_id}/reactivate/","authentication":true,"query":[],"idempotencyKey":false,"body":"none","answer":"json","servedBy":"handler","role":"administrator"},
  adminSetQuotas: {"method":"PUT","path":"/admin/users/{user_id}/quotas/","authentication":true,"query":[],"idempotencyKey":false,"body":"json","answer":"json","servedBy":"handler","role":"administrator"},
  adminSetRole: {"method":"PUT","path":"/admin/users/{user_id}/role/","authentication":true,"query":[],"idempotencyKey":false,"body":"json","answer":"json","servedBy":"handler","role":"administrator"},
  adminSetEmail: {"method":"PUT","path":"/admin/users/{user_id}/email/","authentication":true,"query":[],"idempotencyKey":false,"body":"json","answer":"json","servedBy":"handler","role":"administrator"},
  adminListTokens: {"method":"GET","path":"/admin/users/{user_id}/tokens/","authentication":true,"query":[],"idempotencyKey":false,"body":"none","answer":"json","servedBy":"handler","role":"administrator"},
  adminRevokeTokens: {"method":"DELETE","path":"/admin/users/{user_id}/tokens/","authentication":true,"query":[],"idempotencyKey":false,"body":"none","answer":"json","servedBy":"handler","role":"administrator"},
  adminRevokeToken: {"method":"DELETE","path":"/admin/users/{user_id}/tokens/{id}/","authentication":true,"query":[],"idempotencyKey":false,"body":"none","answer":"json","servedBy":"handler","role":"administrator"},
  adminListClients: {"method":"GET","path":"/admin/clients/","authentication":true,"query":["limit","cursor","order"],"idempotencyKey":false,"body":"none","answer":"json","servedBy":"handler","role":"administrator"},
  adminCreateClient: {"method":"POST","path":"/admin/clients/","authentication":true,"query":[],"idempotencyKey":false,"body":"json","answer":"json","servedBy":"handler","role":"administrator"},
  adminDeleteClient: {"method":"DELETE","path":"/admin/clients/{id}/","authentication":true,"query":[],"idempotencyKey":false,"body":"none","answer":"json","servedBy":"handler","role":"administrator"},
  adminRotateClient: {"method":"PUT","path":"/admin/clients/{id}/rotate/","authentication":true,"query":[],"idempotencyKey":false,"body":"none","answer":"json","servedBy":"handler","role":"administrator"},
  adminRevokeSignIns: {"method":"DELETE","path":"/admin/clients/{id}/sign_ins/","authentication":true,"query":["since"],"idempotencyKey":false,"body":"none","answer":"json","servedBy":"handler","role":"administrator"},
  adminListJobs: {"method":"GET","path":"/admin/jobs/","authentication":true,"query":["user_id","workspace_id","status","job_type","resource","limit","cursor","order"],"idempotencyKey":false,"body":"none","answer":"json","servedBy":"handler","role":"administrator"},
  adminStopJob: {"method":"PUT","path":"/admin/jobs/{job_id}/stop/","authentication":true,"query":[],"idempotencyKey":false,"body":"none","answer":"json","servedBy":"handler","role":"administrator"},
  adminListWorkspaces: {"method":"GET","path":"/admin/workspaces/","authentication":true,"query":["user_id","status","limit","cursor","order"],"idempotencyKey":false,"body":"none","answer":"json","servedBy":"handler","role":"administrator"},
  adminGetDirectory: {"method":"GET","path":"/admin/directory/","authentication":true,"query":[],"idempotencyKey":false,"body":"none","answer":"json","servedBy":"handler","role":"administrator"},
  adminSetDirectory: {"method":"PUT","path":"/admin/directory/","authentication":true,"query":[],"idempotencyKey":false,"body":"json","answer":"json","servedBy":"handler","role":"administrator"},
  adminListAudit: {"method":"GET","path":"/admin/audit/","authentication":true,"query":["actor_user_id","action","outcome","subject_kind","subject_id","from","until","limit","cursor","order"],"idempotencyKey":false,"body":"none","answer":"json","servedBy":"handler","role":"administrator"},
} as const;
