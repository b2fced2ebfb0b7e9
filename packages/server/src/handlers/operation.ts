import type { Health, Resource } from '@user-workspaces/contract';
import type { Schema } from '@user-workspaces/schema';
import { ApiError } from '../http/api-error.js';
import type { Handlers } from '../http/handler.js';
import type { Metrics } from '../observability/metrics.js';
import type { ServerContext } from '../server-context.js';
import type { LaunchWatch } from '../services/launch-watch.js';
import { askedSeldom, healthOf, tellClock } from './dependencies.js';

type OperationOperations = 'getStatus' | 'getHealth' | 'getReadiness' | 'getMetrics';

type Dependency = Schema<'Dependency'>;

async function healthOfAll(
  adapters: Iterable<readonly [string, { check(signal?: AbortSignal): Promise<Health> }]>,
): Promise<Record<string, Dependency>> {
  const entries = [...adapters].map(
    async ([name, adapter]) => [name, await healthOf((signal) => adapter.check(signal))] as const,
  );
  return Object.fromEntries(await Promise.all(entries));
}

/** For monitoring and operators. */
export function operationHandlers(
  context: ServerContext,
  metrics: Metrics,
  launches: Pick<LaunchWatch, 'noticeOf'>,
): Pick<Handlers, OperationOperations> {
  const checkOf = (resource: Resource): { check(signal?: AbortSignal): Promise<Health> } => ({
    async check(signal) {
      const { connected, message } = await resource.check(signal);
      return { connected, message: message + launches.noticeOf(resource.name) };
    },
  });
  const dependencies = askedSeldom(context.clock, async () => {
    const [resources, storages, authentication, database] = await Promise.all([
      healthOfAll([...context.resources].map(([name, { resource }]) => [name, checkOf(resource)] as const)),
      healthOfAll(context.storages),
      healthOfAll([[context.authentication.name, context.authentication] as const]),
      healthOf((signal) => context.database.check(signal)),
    ]);
    const clockAhead = tellClock(context.clock);
    const missing: Dependency = { connected: false, message: 'Not configured.' };
    return {
      main_resource: resources[context.mainResource.name] ?? missing,
      api_user_authentication: authentication[context.authentication.name] ?? missing,
      resources,
      storage_methods: storages,
      user_authentication_methods: authentication,
      database:
        clockAhead === '' ? database : { ...database, details: `${database.details ?? ''} ${clockAhead}`.trim() },
    };
  });

  return {
    async getStatus() {
      const { version, build } = context.settings;
      return { message: '', success: true, version, build, dependencies: await dependencies() };
    },
    async getHealth() {
      return { message: 'The server runs.', success: true };
    },
    async getReadiness() {
      const database = await healthOf((signal) => context.database.check(signal));
      if (!database.connected) {
        throw new ApiError('unavailable', `The database cannot be used: ${database.message}`, {
          headers: { 'Retry-After': '5' },
        });
      }
      return { message: 'The server is ready.', success: true };
    },
    async getMetrics() {
      const { contentType, text } = await metrics.render();
      return { status: 200, headers: { 'Content-Type': contentType }, body: text };
    },
  };
}
