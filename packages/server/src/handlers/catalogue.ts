import type { Handlers } from '../http/handler.js';
import type { ServerContext } from '../server-context.js';
import { viewParameter } from '../views/parameter.js';

/** What this server offers. */
export function catalogueHandlers(
  context: ServerContext,
): Pick<Handlers, 'listJobTypes' | 'listParameters' | 'getLimits'> {
  const jobTypes = Object.fromEntries(
    [...context.jobTypes].map(([id, { name, resources, idle }]) => [
      id,
      {
        id,
        name,
        resources: [...resources.keys()],
        idle_timeout_minutes: idle === undefined ? null : idle.timeoutMs / 60_000,
      },
    ]),
  );
  const parameters = context.parameters.map(viewParameter);
  return {
    async listJobTypes() {
      return { message: 'Successful.', success: true, data: { job_types: jobTypes } };
    },
    async listParameters() {
      return { message: 'Successful.', success: true, data: { parameters } };
    },
    async getLimits() {
      return { message: 'Successful.', success: true, data: { limits: context.limits } };
    },
  };
}
