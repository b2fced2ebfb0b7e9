import type { Resource, ResourceLoad } from '@user-workspaces/contract';
import type { Schema } from '@user-workspaces/schema';
import type { Handlers } from '../http/handler.js';
import type { ServerContext } from '../server-context.js';
import { isHeeded } from '../services/job-options.js';
import { viewParameter } from '../views/parameter.js';
import { askedSeldom, askTimeoutMs, healthOf } from './dependencies.js';

/** Where jobs run, and how busy it is there. */
export function resourceHandlers(context: ServerContext): Pick<Handlers, 'listResources'> {
  const { clock, database, jobTypes, log, parameters } = context;

  async function loadOf(resource: Resource): Promise<Schema<'ResourceLoad'> | null> {
    try {
      const load = await resource.load?.(AbortSignal.timeout(askTimeoutMs));
      return load ? viewLoad(load) : null;
    } catch (error) {
      log.warn({ err: error, resource: resource.name }, 'a resource did not tell its load');
      return null;
    }
  }

  const list = askedSeldom(clock, () =>
    Promise.all(
      [...context.resources].map(async ([name, { resource, parameterMapping }]): Promise<Schema<'Resource'>> => {
        const [health, load, pending, running] = await Promise.all([
          healthOf((signal) => resource.check(signal)),
          loadOf(resource),
          database.count('jobs', { resource: name, status: 'pending' }),
          database.count('jobs', { resource: name, status: { in: ['running', 'stopping'] } }),
        ]);
        return {
          name,
          kind: resource.kind,
          job_types: [...jobTypes].flatMap(([id, { resources }]) => (resources.has(name) ? [id] : [])),
          health,
          limits: resource.capabilities.limits,
          can_extend: resource.capabilities.extend,
          options: parameters
            .filter(({ variable_name }) => isHeeded(parameterMapping, resource.capabilities, variable_name))
            .map(viewParameter),
          jobs: { pending, running },
          load,
        };
      }),
    ),
  );

  return {
    async listResources() {
      return { message: 'Successful.', success: true, data: { resources: await list() } };
    },
  };
}

function viewLoad({ runningJobs, queuedJobs, cpus, memoryMb, gpus }: ResourceLoad): Schema<'ResourceLoad'> {
  return {
    running_jobs: runningJobs ?? null,
    queued_jobs: queuedJobs ?? null,
    cpus: cpus ?? null,
    memory_mb: memoryMb ?? null,
    gpus: gpus ?? null,
  };
}
