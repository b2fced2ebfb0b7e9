export type {
  AdminJob,
  AdminToken,
  AdminUser,
  AdminWorkspace,
  AuditEntry,
  Client,
  UnknownLaunch,
  UserDetails,
} from './resources/administration.js';
export { Administration, administration } from './resources/administration.js';
