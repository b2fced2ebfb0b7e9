// What administrators may do, as functions on the database: the rules behind `/admin/`, for programs on the server's host too.

export type { UnknownLaunch } from '../unknown-launches.js';
export { listAudit } from './audit-log.js';
export { type AdministrationContext, type AdministrationOptions, administrationContext } from './context.js';
export { readDirectory, setDirectory } from './directory.js';
export { listAllJobs, listAllWorkspaces, stopAnyJob } from './everything.js';
export { endLaunch, findLaunch, findLaunches, listLaunches } from './launches.js';
export { type EndedSignIns, revokeSignIns } from './sign-ins.js';
export {
  createClient,
  deleteClient,
  findClientId,
  listClients,
  listUserTokens,
  revokeUserTokens,
  rotateClient,
} from './tokens.js';
export {
  addUser,
  deactivateUser,
  findUserId,
  getUser,
  listUsers,
  reactivateUser,
  removeUser,
  setEmail,
  setQuotas,
  setRole,
} from './users.js';
