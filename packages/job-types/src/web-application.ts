import { AdapterError, type JobRecipe, type JobTypeKind } from '@user-workspaces/contract';
import * as z from 'zod';
import { line, readConfiguration } from './configuration.js';
import { script, sessionScript } from './script.js';

const maxArguments = 256;
const maxCommandBytes = 64 * 1024;

/** An argument list as the operating system takes it: no NUL; the program is neither empty nor an option of `exec`. */
const commandLine = z
  .array(
    z.string('must be a list of texts').refine((text) => !text.includes('\0'), 'must not hold NUL characters'),
    {
      error: 'must be a list of texts: the program, then its arguments',
    },
  )
  .min(1, 'must name a program')
  .max(maxArguments, `must not have more than ${maxArguments} elements`)
  .refine((list) => list[0] !== '' && !list[0]?.startsWith('-'), 'must begin with a program, not with an option')
  .refine((list) => Buffer.byteLength(list.join('\0')) <= maxCommandBytes, 'must not be longer than 64 KiB');

const status = z.int('must be a number').min(100, 'must be at least 100').max(599, 'must be at most 599');

const configuration = z.strictObject({
  command: commandLine,
  allow_command: z.boolean('must be true or false').default(false),
  environment: z
    .record(
      z.string().regex(/^(?!UWS_)[A-Za-z_][A-Za-z0-9_]*$/, 'must be names of variables that do not begin with UWS_'),
      z.string('must be a text').refine((text) => !text.includes('\0'), 'must not hold NUL characters'),
      {
        error: 'must be an object of variables; their names are letters, digits and "_", and do not begin with "UWS_"',
      },
    )
    .default({}),
  readiness_path: line().startsWith('/', 'must begin with "/"').default('/'),
  readiness_statuses: z
    .tuple([status, status], { error: 'must be the first and the last good status, such as [200, 499]' })
    .refine(([from, to]) => from <= to, 'must not begin after its end')
    .default([200, 499]),
  base_path: z.enum(['keep', 'strip'], { error: 'must be "keep" or "strip"' }).default('strip'),
  token_query: z
    .string('must be a text')
    .regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be a name of letters, digits, "_" and "-"')
    .optional(),
});

const requested = z.object({ command: commandLine.optional() });
const startFile = script('web-application.sh', 'start.sh');

/**
 * Any command that serves HTTP on the port it is given.
 *
 * The command runs in the workspace and finds `PORT`, `HOST` (the address to listen on), `BASE_PATH` and `SESSION_TOKEN` in its environment; in its
 * arguments `{port}`, `{host}` and `{base_path}` are replaced when it starts. No shell reads it. Other users of the machine can
 * reach its port: an application that checks `SESSION_TOKEN` keeps them out, and `token_query` hands it over in the session's address.
 *
 * @example
 * webApplicationJob.configure({ command: ['python3', '-m', 'http.server', '--bind', '{host}', '{port}'] }, where);
 */
export const webApplicationJob: JobTypeKind = {
  kind: 'WebApplicationJob',
  configure(details, where) {
    const settings = readConfiguration(configuration, details, where);
    return {
      recipe({ jobDetails, basePath, sessionToken }): JobRecipe {
        const command = settings.allow_command ? requestedCommand(jobDetails) : refuseCommand(jobDetails);
        const [from, to] = settings.readiness_statuses;
        return {
          command: ['/bin/sh', '{job_directory}/start.sh', ...(command ?? settings.command)],
          files: [startFile, sessionScript],
          environment: { ...settings.environment, UWS_BASE_PATH: basePath, SESSION_TOKEN: sessionToken },
          session: {
            basePath: settings.base_path,
            readiness: { path: settings.readiness_path, statuses: [from, to] },
            query: settings.token_query === undefined ? {} : { [settings.token_query]: sessionToken },
          },
        };
      },
    };
  },
};

const field = 'job_details.command';

function requestedCommand(jobDetails: Readonly<Record<string, unknown>>): readonly string[] | undefined {
  const result = requested.safeParse(jobDetails);
  if (result.success) return result.data.command;
  const reason = result.error.issues[0]?.message ?? 'cannot be read';
  throw new AdapterError('invalid', `${field} ${reason}.`, { field });
}

function refuseCommand(jobDetails: Readonly<Record<string, unknown>>): undefined {
  if (jobDetails.command === undefined) return undefined;
  const message = `${field} is not accepted: this job type runs a fixed command. Leave it out, or ask the operator to set allow_command.`;
  throw new AdapterError('invalid', message, { field });
}
