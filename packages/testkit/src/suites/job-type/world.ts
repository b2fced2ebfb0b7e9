import type { JobTypeKind, SessionUse } from '@user-workspaces/contract';
import type { World } from '../../guarantee.js';

/** What a job type may lack. */
export type JobTypeCapability = 'fixed_command' | 'session' | 'configuration' | 'refuses_details';

/** `job_details` of a request, or `environment_details` of a configuration. */
export type Details = Readonly<Record<string, unknown>>;

/**
 * A kind of job type with configurations and requests to try it with.
 *
 * @example
 * const open = async (): Promise<JobTypeWorld> => ({
 *   kind: reportJob,
 *   details: { program: '/opt/report/bin/report' },
 *   rightDetails: [{ dataset: 'corals', title: 'Growth' }, { dataset: 'corals', filters: ['year > 2020'] }],
 *   mistakes: [{ details: { program: 'report' }, key: 'program' }],
 *   refused: [{ jobDetails: {}, field: 'job_details.dataset' }],
 *   close: async () => {},
 * });
 */
export interface JobTypeWorld extends World {
  readonly kind: JobTypeKind;
  /** `environment_details` that are right. */
  readonly details: Details;
  /**
   * `job_details` of complete requests that are accepted, among them every field that the job type reads: hostile words are put into each. `[{}]`
   * for one that reads none.
   */
  readonly rightDetails: readonly [Details, ...Details[]];
  /** Capability `configuration`: `environment_details` that are wrong, and the key that is at fault. At least one. */
  readonly mistakes: readonly { readonly details: Details; readonly key: string }[];
  /** Keys of `details` whose values are secret. */
  readonly secretKeys?: readonly string[];
  /** Capability `refuses_details`: `job_details` that are refused, and the field that is at fault, such as `job_details.command`. At least one. */
  readonly refused?: readonly { readonly jobDetails: Details; readonly field: string }[];
  /** Where the job type's `activity` asks questions: what the application may answer to each, by the question's path, and the use that it tells. At least one each. */
  readonly answers?: readonly { readonly path: string; readonly answer: unknown; readonly use: SessionUse }[];
}
