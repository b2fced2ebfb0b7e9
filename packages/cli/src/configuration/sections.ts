import * as z from 'zod';
import { dockerProblems, dockerShape, dockerType } from './docker.js';
import { resourceDetailsKey } from './environment-details.js';
import { isSlurm, slurmGatewayType, slurmProblems, slurmShape, slurmType } from './slurm.js';

// The sections keep the names that the old service's configuration gives them. Entries of a type that this package brings
// may hold only keys that have an effect; those of another type are checked by the adapter that a module brings for it.

/** What the old service calls the adapters that this package brings. */
export const builtInTypes = {
  userAuthentication: 'LocalUserAuthentication',
  storage: 'LocalFileSystemStorage',
  resource: 'LocalResource',
} as const;

const words = (error = 'must be a text'): z.ZodString => z.string(error).regex(/^\P{Cc}+$/u, error);
const anObject = { error: 'must be an object' };

/** Names of entries become names of directories and parts of addresses. */
const entryName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'must be a name of letters, digits, ".", "_" and "-"');

function section<S extends z.ZodType>(entry: S): z.ZodRecord<typeof entryName, S> {
  return z.record(entryName, entry, { error: 'must be an object with at least one entry' });
}

function notEmpty(value: object): boolean {
  return Object.keys(value).length > 0;
}

const atLeastOne = { error: 'must have at least one entry' };

/** Refuses keys without an effect where the type is one of our own. */
function onlyKnownKeys(typeKey: string, builtIn: string, shape: object) {
  return (entry: Readonly<Record<string, unknown>>, context: z.RefinementCtx): void => {
    if (entry[typeKey] !== builtIn) return;
    const unknown = Object.keys(entry).filter((key) => !Object.hasOwn(shape, key));
    for (const key of unknown) {
      const message = `is not supported in a ${builtIn}: known keys are ${Object.keys(shape).join(', ')}`;
      context.addIssue({ code: 'custom', path: [key], message, input: entry[key] });
    }
  };
}

const authenticationShape = {
  name: words().optional(),
  user_authentication_type: words(),
  connection_details: z
    .looseObject(
      {
        create_external_users: z.boolean('must be true or false').optional(),
        operating_system: z.enum(['linux', 'osx'], 'must be one of "linux", "osx"').optional(),
      },
      anObject,
    )
    .default({}),
};

export const authenticationSection = section(
  z
    .looseObject(authenticationShape, anObject)
    .superRefine(onlyKnownKeys('user_authentication_type', builtInTypes.userAuthentication, authenticationShape)),
).refine(notEmpty, atLeastOne);

const storageShape = {
  name: words().optional(),
  storage_type: words(),
  /** Default: the API's. */
  user_authentication: words().optional(),
  root_dir: words('must be the path of a directory').optional(),
  allowed_link_roots: z
    .array(z.string().regex(/^\/[^\0]*$/, 'must be an absolute path'), 'must be a list of absolute paths')
    .optional(),
  connection_details: z.looseObject({}, anObject).default({}),
};

export const storageSection = section(
  z
    .looseObject(storageShape, anObject)
    .superRefine(onlyKnownKeys('storage_type', builtInTypes.storage, storageShape))
    .superRefine((entry, context) => {
      if (entry.storage_type !== builtInTypes.storage || entry.root_dir !== undefined) return;
      context.addIssue({ code: 'custom', path: ['root_dir'], message: 'must be the path of a directory' });
    }),
).refine(notEmpty, atLeastOne);

const resourceShape = {
  name: words().optional(),
  resource_type: words(),
  storage: words().optional(),
  user_authentication: words().optional(),
  passthrough_domain: z.string('must be a text').optional(),
  parameter_mapping: z.record(z.string(), words(), anObject).default({}),
  /** Seconds. */
  time_pending_catch: z
    .number('must be a number of seconds above 0')
    .positive('must be a number of seconds above 0')
    .default(600),
  connection_details: z.looseObject({}, anObject).default({}),
};

function problemsOf(entry: z.output<z.ZodObject<typeof resourceShape>>): z.core.$ZodIssue[] {
  if (isSlurm(entry)) return slurmProblems(entry);
  return entry.resource_type === dockerType ? dockerProblems(entry) : [];
}

export const resourceSection = section(
  z
    .looseObject(resourceShape, anObject)
    .superRefine(onlyKnownKeys('resource_type', builtInTypes.resource, resourceShape))
    .superRefine(onlyKnownKeys('resource_type', slurmType, { ...resourceShape, ...slurmShape }))
    .superRefine(onlyKnownKeys('resource_type', slurmGatewayType, { ...resourceShape, ...slurmShape }))
    .superRefine(onlyKnownKeys('resource_type', dockerType, { ...resourceShape, ...dockerShape }))
    .superRefine((entry, context) => {
      for (const { path, message } of problemsOf(entry)) {
        context.addIssue({ code: 'custom', path: [...path], message, input: entry[String(path[0])] });
      }
    }),
).refine(notEmpty, atLeastOne);

const minutes = z.number('must be a number of minutes above 0').positive('must be a number of minutes above 0');

/** What it holds for the job type is checked by its kind, what it holds for the resource by its adapter. */
const environment = z
  .looseObject({ [resourceDetailsKey]: z.record(z.string(), z.unknown(), anObject).exactOptional() }, anObject)
  .default({});

export const jobTypeSection = section(
  z
    .strictObject(
      {
        name: words().optional(),
        job_type: words(),
        /** Minutes without use after which a session is stopped. Absent: never. */
        idle_timeout_minutes: minutes.optional(),
        /** Minutes between the warning and that stop. */
        idle_warning_minutes: minutes.optional(),
        /** Minutes after which a session that is not ready has failed. */
        ready_timeout_minutes: minutes.optional(),
        /** By name of the resource. */
        environment_details: z.record(z.string(), environment, anObject).default({}),
      },
      anObject,
    )
    .superRefine((entry, context) => {
      const { idle_timeout_minutes: timeout, idle_warning_minutes: warning } = entry;
      if (warning === undefined) return;
      if (timeout !== undefined && warning < timeout) return;
      const message =
        timeout === undefined
          ? 'needs idle_timeout_minutes'
          : `must be below idle_timeout_minutes, which is ${timeout}`;
      context.addIssue({ code: 'custom', path: ['idle_warning_minutes'], message, input: warning });
    }),
).refine(notEmpty, atLeastOne);

const parameterName = z
  .string('must be a text')
  .regex(/^[A-Za-z_][A-Za-z0-9_]{0,63}$/, 'must be a name of letters, digits and "_"');
const types = ['int', 'str', 'bool', 'float', 'list', 'dict'] as const;

const parameter = z.looseObject(
  {
    display_name: z.string('must be a text'),
    description: z.string('must be a text').default(''),
    variable_name: parameterName,
    default_value: z.unknown(),
    validation: z.looseObject(
      {
        type: z.enum(types, `must be one of ${types.map((type) => `"${type}"`).join(', ')}`),
        min: z.number('must be a number').exactOptional(),
        max: z.number('must be a number').exactOptional(),
        required: z.boolean('must be true or false').exactOptional(),
      },
      anObject,
    ),
    /** Other names under which a start may give it. */
    aliases: z.array(parameterName, 'must be a list of names').exactOptional(),
  },
  anObject,
);

export const parametersSection = z.array(parameter, 'must be a list').superRefine((list, context) => {
  const seen = new Set<string>();
  for (const [index, { variable_name, aliases = [], validation }] of list.entries()) {
    for (const name of [variable_name, ...aliases]) {
      if (seen.has(name)) {
        const message = 'must be a name that no other parameter has, as name or alias';
        const path = name === variable_name ? [index, 'variable_name'] : [index, 'aliases'];
        context.addIssue({ code: 'custom', path, message });
      }
      seen.add(name);
    }
    const { min, max } = validation;
    if (min !== undefined && max !== undefined && min > max) {
      const message = `must be at least min, which is ${min}`;
      context.addIssue({ code: 'custom', path: [index, 'validation', 'max'], message });
    }
  }
});

export type AuthenticationSection = z.output<typeof authenticationSection>;
export type StorageSection = z.output<typeof storageSection>;
export type ResourceSection = z.output<typeof resourceSection>;
export type JobTypeSection = z.output<typeof jobTypeSection>;
export type Parameters = z.output<typeof parametersSection>;
export type AuthenticationEntry = AuthenticationSection[string];
export type StorageEntry = StorageSection[string];
export type ConfiguredResource = ResourceSection[string];
