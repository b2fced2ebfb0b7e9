import type { IncomingMessage } from 'node:http';
import type { Resource } from '@user-workspaces/contract';
import type { Handlers } from '../http/handler.js';
import { actorOf } from '../records/audit.js';
import type { ServerContext } from '../server-context.js';
import * as administration from '../services/administration/index.js';

type AdministrationOperations = Extract<keyof Handlers, `admin${string}`>;

/** How a server ends what somebody has open, and lets them in again. */
export interface Doors {
  endUser(userId: number): void;
  /** @param except The request that asks for it: it is to get its answer, though its own token may be among them. */
  endTokens(tokenIds: readonly number[], except?: IncomingMessage): void;
  /** Ends what tickets and cookies of before have opened to the sessions of these users. */
  endSessions(userIds: readonly number[]): Promise<void>;
  admitUser(userId: number): Promise<void>;
}

const done = { message: 'Successful.', success: true } as const;

function resourcesOf({ resources }: ServerContext): Resource[] {
  return [...resources.values()].map(({ resource }) => resource);
}

/** For administrators: who may call is decided before, by the operation's role. */
export function administrationHandlers(context: ServerContext, doors: Doors): Pick<Handlers, AdministrationOperations> {
  return {
    adminListUsers: async ({ query }) => ({ ...done, data: await administration.listUsers(context, query) }),
    adminGetUser: async ({ path }) => ({ ...done, data: await administration.getUser(context, path.user_id) }),
    async adminCreateUser({ caller, body, idempotency }) {
      const { username, email, first_name: firstName = '', last_name: lastName = '', role = 'user' } = await body();
      const identity = { username, email, firstName, lastName };
      const data = await administration.addUser(context, actorOf(caller), identity, role, await idempotency());
      return { ...done, data };
    },
    async adminDeleteUser({ caller, path: { user_id } }) {
      const data = await administration.removeUser(context, actorOf(caller), user_id);
      doors.endUser(user_id);
      return { ...done, message: 'User removed.', data };
    },
    async adminDeactivateUser({ caller, path: { user_id }, query }) {
      const stopJobs = query.stop_jobs ?? false;
      const data = await administration.deactivateUser(context, actorOf(caller), user_id, stopJobs);
      doors.endUser(user_id);
      return { ...done, data };
    },
    async adminReactivateUser({ caller, path: { user_id } }) {
      const data = await administration.reactivateUser(context, actorOf(caller), user_id);
      await doors.admitUser(user_id);
      return { ...done, data };
    },
    async adminSetQuotas({ caller, path, body }) {
      const changes = await body();
      return { ...done, data: await administration.setQuotas(context, actorOf(caller), path.user_id, changes) };
    },
    async adminSetRole({ caller, path, body }) {
      const { role } = await body();
      return { ...done, data: await administration.setRole(context, actorOf(caller), path.user_id, role) };
    },
    async adminSetEmail({ caller, path, body }) {
      const { email } = await body();
      return { ...done, data: await administration.setEmail(context, actorOf(caller), path.user_id, email) };
    },
    adminListTokens: async ({ path }) => ({
      ...done,
      data: await administration.listUserTokens(context, path.user_id),
    }),
    async adminRevokeTokens({ caller, path, request }) {
      doors.endTokens(await administration.revokeUserTokens(context, actorOf(caller), path.user_id, 'all'), request);
      return { ...done, message: 'Tokens revoked.' };
    },
    async adminRevokeToken({ caller, path, request }) {
      doors.endTokens(await administration.revokeUserTokens(context, actorOf(caller), path.user_id, path.id), request);
      return { ...done, message: 'Token revoked.' };
    },
    adminListClients: async ({ query }) => ({ ...done, data: await administration.listClients(context, query) }),
    async adminCreateClient({ caller, body }) {
      const { name } = await body();
      return { ...done, data: await administration.createClient(context, actorOf(caller), name) };
    },
    adminRotateClient: async ({ caller, path }) => ({
      ...done,
      data: await administration.rotateClient(context, actorOf(caller), path.id),
    }),
    async adminDeleteClient({ caller, path }) {
      await administration.deleteClient(context, actorOf(caller), path.id);
      return { ...done, message: 'Portal deleted.' };
    },
    async adminRevokeSignIns({ caller, path, query, request }) {
      const end = async ({ tokenIds, userIds }: administration.EndedSignIns): Promise<void> => {
        doors.endTokens(tokenIds, request);
        await doors.endSessions(userIds);
      };
      const data = await administration.revokeSignIns(context, actorOf(caller), path.id, query.since, end);
      return { ...done, data };
    },
    adminListJobs: async ({ query }) => ({ ...done, data: await administration.listAllJobs(context, query) }),
    adminStopJob: async ({ caller, path }) => ({
      success: true,
      message: await administration.stopAnyJob(context, actorOf(caller), path.job_id),
    }),
    adminListLaunches: async ({ signal }) => ({
      ...done,
      data: await administration.listLaunches(context, resourcesOf(context), signal),
    }),
    async adminEndLaunch({ caller, path: { launch_key: key }, signal }) {
      const launch = await administration.findLaunch(context, resourcesOf(context), key, signal);
      await administration.endLaunch(context, actorOf(caller), launch, context.settings.stopGraceMs, signal);
      return { ...done, message: 'Launch ended and removed.' };
    },
    adminListWorkspaces: async ({ query }) => ({
      ...done,
      data: await administration.listAllWorkspaces(context, query),
    }),
    adminGetDirectory: async () => ({ ...done, data: { directory: await administration.readDirectory(context) } }),
    async adminSetDirectory({ caller, body }) {
      const { is_open } = await body();
      return { ...done, data: { directory: await administration.setDirectory(context, actorOf(caller), is_open) } };
    },
    adminListAudit: async ({ query }) => ({ ...done, data: await administration.listAudit(context, query) }),
  };
}
