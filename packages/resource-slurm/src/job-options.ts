import type { LaunchSpecification } from '@user-workspaces/contract';
import { AdapterError } from '@user-workspaces/contract';

/** What an operator sets for all jobs of a resource. */
export interface JobDefaults {
  /** Partition of jobs without GPUs. @default the cluster's own */
  readonly cpuPartition?: string;
  /** Partition of jobs with GPUs. @default cpuPartition */
  readonly gpuPartition?: string;
  /** Further options of `sbatch` that a job type's details, or a start by way of `parameter_mapping`, may set, such as `exclusive` or `gres`. */
  readonly allowedOptions?: readonly string[];
}

/** Options that job types may always set. */
const ownOptions = ['partition', 'account', 'qos', 'constraint', 'reservation'];
/** Options that the launch's limits stand for. */
const limitOptions = new Set(['cpus_per_task', 'memory_per_node', 'time_limit', 'gpu_enabled']);

const valuePattern = /^[A-Za-z0-9_][\w.,:+=@&|()[\]*/-]{0,255}$/;

/**
 * Checks what an operator set for a job type.
 *
 * @throws AdapterError `misconfigured`, naming key, value and what is allowed.
 */
export function checkDetails(defaults: JobDefaults, details: Readonly<Record<string, unknown>>, where: string): void {
  const allowed = [...ownOptions, ...(defaults.allowedOptions ?? [])];
  for (const [key, value] of Object.entries(details)) {
    const field = `${where}.${key}`;
    if (!allowed.includes(key)) {
      throw new AdapterError('misconfigured', `${field} is not a known key: known are ${allowed.join(', ')}.`, {
        field,
      });
    }
    if (value !== true && !(typeof value === 'string' && valuePattern.test(value))) {
      const message = `${field} must be true or a text of letters, digits and ".,:+=@&|()[]*/-"; it is ${JSON.stringify(value)}.`;
      throw new AdapterError('misconfigured', message, { field });
    }
  }
}

/**
 * The options of `sbatch` for a launch: its limits, then what the start asked for, then what the operator set for the job type, which nobody overrides.
 *
 * @throws AdapterError `invalid` for a value that no option can have, or for GPUs that are not whole.
 */
export function optionsOf(
  specification: LaunchSpecification,
  defaults: JobDefaults,
): ReadonlyMap<string, string | true> {
  const { limits, options, resourceDetails = {} } = specification;
  const { cpuPartition, gpuPartition = cpuPartition, allowedOptions = [] } = defaults;
  const gpus = Math.ceil(limits.gpus ?? 0);
  const partition = gpus > 0 ? gpuPartition : cpuPartition;
  const result = new Map<string, string | true>([
    ['nodes', '1'],
    ['ntasks', '1'],
  ]);
  if (partition) result.set('partition', partition);
  if (limits.cpus !== undefined) result.set('cpus-per-task', String(Math.ceil(limits.cpus)));
  if (limits.memoryMb !== undefined) result.set('mem', `${Math.ceil(limits.memoryMb)}M`);
  if (limits.timeLimitMinutes !== undefined) result.set('time', String(Math.ceil(limits.timeLimitMinutes)));
  if (gpus > 0) result.set('gres', `gpu:${gpus}`);
  const given = Object.entries(options).filter(([name]) => !limitOptions.has(name));
  for (const [name, value] of [...given, ...Object.entries(resourceDetails)]) {
    if (![...ownOptions, ...allowedOptions].includes(name)) {
      throw new AdapterError('invalid', `The option ${name} may not be set on this cluster.`, { field: name });
    }
    if (value === false || value === null || value === '') continue;
    const text = typeof value === 'number' ? String(value) : value;
    if (text !== true && !(typeof text === 'string' && valuePattern.test(text))) {
      throw new AdapterError('invalid', `The value of ${name} cannot be an option of the cluster.`, { field: name });
    }
    result.set(name.replaceAll('_', '-'), text);
  }
  return result;
}
