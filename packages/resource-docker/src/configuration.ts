import { AdapterError } from '@user-workspaces/contract';
import * as z from 'zod';
import type { EngineAddress } from './engine.js';

const text = z.string('must be a text').regex(/^\P{Cc}+$/u, 'must be a text');
const absolutePath = z
  .string('must be an absolute path')
  .regex(/^\/[^\0]*$/, 'must be an absolute path')
  .refine((path) => !path.split('/').includes('..'), 'must be a path without ".."');

/** How jobs are contained: keys of a resource, and of a job type's `resource_details`, which hold there instead. */
export const containerShape = {
  image: text.exactOptional(),
  pull_policy: z.enum(['missing', 'always', 'never'], 'must be one of "missing", "always", "never"').exactOptional(),
  /** The image cannot be written to; /tmp is in memory. */
  read_only_root: z.boolean('must be true or false').exactOptional(),
  /** Directories of the engine's machine that jobs may read, at the same path or at another; those of a job type are added to those of the resource. */
  read_only_mounts: z
    .array(
      z.strictObject({ source: absolutePath, target: absolutePath.exactOptional() }),
      'must be a list of { "source", "target" }',
    )
    .exactOptional(),
  /** A network of the engine, or `none`. */
  network: text.exactOptional(),
};

const detailsSchema = z.strictObject(containerShape);

/** How the jobs of one job type are contained. */
export type ContainerDetails = z.output<typeof detailsSchema>;

/** Where the engine is and how jobs are contained. */
export interface EngineOptions {
  readonly address: EngineAddress;
  /** What holds where a job type sets nothing else. */
  readonly defaults?: ContainerDetails;
  /** Whose the containers are. Replicas of one server have one owner, two servers on one engine have two. @default the name */
  readonly owner?: string;
  /** The one address of the engine's machine on which sessions listen. @default '127.0.0.1' */
  readonly publishAddress?: string;
  /** Name or address under which the server reaches that. @default publishAddress */
  readonly sessionHost?: string;
  /** The engine gives out GPUs. Only said of it: it knows itself what it has, and a job that asks for one is asked of it in any case. @default false */
  readonly gpus?: boolean;
  /** Most processes and threads of one job. @default 4096 */
  readonly pidsLimit?: number;
  /** Days after which what has ended is removed, its output included. @default 7 */
  readonly keptDays?: number;
}

/**
 * Checks what an operator set for a job type.
 *
 * @param where Its configuration key, for error messages.
 * @throws AdapterError `misconfigured`, naming the key and what is allowed.
 */
export function checkDetails(
  defaults: ContainerDetails | undefined,
  details: Readonly<Record<string, unknown>>,
  where: string,
): void {
  detailsOf(defaults, details, where);
}

/** What a job type sets over what the resource sets. @throws AdapterError as {@link checkDetails}. */
export function detailsOf(
  defaults: ContainerDetails = {},
  details: Readonly<Record<string, unknown>> = {},
  where = 'resource_details',
): ContainerDetails & { readonly image: string } {
  const result = detailsSchema.safeParse(details);
  if (!result.success) {
    const [issue] = result.error.issues;
    const unknown = issue?.code === 'unrecognized_keys' ? issue.keys : [];
    const path = [where, ...(issue?.path ?? []), ...unknown.slice(0, 1)].join('.');
    const known = Object.keys(containerShape).join(', ');
    return misconfigured(path, unknown.length > 0 ? `is not a known key: known are ${known}` : `${issue?.message}`);
  }
  const image = result.data.image ?? defaults.image;
  if (image === undefined) {
    return misconfigured(
      `${where}.image`,
      'is missing: name the image of this job type, or one for the whole resource',
    );
  }
  const network = result.data.network ?? defaults.network;
  if (network === 'host' || network?.startsWith('container:')) {
    return misconfigured(`${where}.network`, `cannot be "${network}": a job has a network of its own`);
  }
  const mounts = [...(defaults.read_only_mounts ?? []), ...(result.data.read_only_mounts ?? [])];
  return { ...defaults, ...result.data, image, read_only_mounts: mounts };
}

function misconfigured(field: string, what: string): never {
  throw new AdapterError('misconfigured', `${field} ${what}.`, { field });
}
