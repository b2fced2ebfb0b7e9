import type { JobTypeKind } from '@user-workspaces/contract';
import type { World } from '../../guarantee.js';

/** What a job type may lack. */
export type JobTypeCapability = 'fixed_command' | 'session';

/**
 * A kind of job type with configurations to try it with.
 *
 * @example
 * const open = async (): Promise<JobTypeWorld> => ({
 *   kind: greetingJob,
 *   details: { greeting: 'Hello' },
 *   mistakes: [{ details: { greeting: 7 }, key: 'greeting' }],
 *   close: async () => {},
 * });
 */
export interface JobTypeWorld extends World {
  readonly kind: JobTypeKind;
  /** `environment_details` that are right. */
  readonly details: Readonly<Record<string, unknown>>;
  /** `environment_details` that are wrong, and the key that is at fault. At least one, where any can be wrong. */
  readonly mistakes: readonly { readonly details: Readonly<Record<string, unknown>>; readonly key: string }[];
  /** Keys of `details` whose values are secret. */
  readonly secretKeys?: readonly string[];
  /** `job_details` that are refused, and the field that is at fault, such as `job_details.command`. */
  readonly refused?: readonly { readonly jobDetails: Readonly<Record<string, unknown>>; readonly field: string }[];
}
