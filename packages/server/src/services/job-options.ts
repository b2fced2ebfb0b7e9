import type { JsonObject, JsonValue, LaunchLimits, ResourceCapabilities } from '@user-workspaces/contract';
import { ApiError } from '../http/api-error.js';
import { pythonRepr, pythonString, pythonType } from '../http/python-text.js';
import type { ParameterEntry } from '../options.js';

/** Asks for a GPU, and is the server's own: no resource has a name for it. */
const gpuOption = 'gpu_enabled';

function isJsonValue(value: unknown): value is JsonValue {
  // Options come out of JSON.parse, so every value that is there is JSON.
  return value !== undefined;
}

/** What is wrong with one option, in the words of the old service. */
function problemsOf(parameter: ParameterEntry, value: JsonValue): string[] {
  const { type, min, max } = parameter.validation;
  const name = parameter.variable_name;
  const given = pythonType(value);
  // 1.0 and 1 are the same JSON number, so a whole number is a float too.
  if (given !== type && !(type === 'float' && given === 'int')) {
    return [
      `${name}: Value '${pythonString(value)}' of type ${given} does not match required type ${type}. Skipping further validation of parameter ${name}.`,
    ];
  }
  if (typeof value !== 'number') return [];
  return [
    ...(min !== undefined && value < min ? [`${name}: Value '${value}' not above minimum of ${min}.`] : []),
    ...(max !== undefined && value > max ? [`${name}: Value '${value}' above maximum of ${max}.`] : []),
  ];
}

/**
 * The options of a start that the server knows, under the API's names; unknown ones are left out.
 *
 * @throws ApiError `invalid_options`
 */
export function checkOptions(
  parameters: readonly ParameterEntry[],
  options: Readonly<Record<string, unknown>>,
): JsonObject {
  const accepted: Record<string, JsonValue> = {};
  const problems: string[] = [];
  for (const parameter of parameters) {
    const names = [parameter.variable_name, ...(parameter.aliases ?? [])];
    const name = names.find((candidate) => Object.hasOwn(options, candidate));
    const value = name === undefined ? undefined : options[name];
    if (!isJsonValue(value)) {
      if (parameter.validation.required) problems.push(`Missing required: ${parameter.variable_name}`);
      continue;
    }
    problems.push(...problemsOf(parameter, value));
    accepted[parameter.variable_name] = value;
  }
  if (problems.length > 0) {
    throw new ApiError('invalid_options', `Invalid resource options found: ${pythonRepr(problems)}`, {
      field: 'resource_options',
      details: { problems },
    });
  }
  return accepted;
}

/** Whether a start on a resource with this mapping does anything with an option. */
export function isHeeded(
  mapping: Readonly<Record<string, string>>,
  { gpus = false }: ResourceCapabilities,
  name: string,
): boolean {
  return name === gpuOption ? gpus : mapping[name] !== undefined;
}

/** Options under the resource's own names; those without a mapping are left out. */
export function mapOptions(mapping: Readonly<Record<string, string>>, options: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(options).flatMap(([name, value]) => {
      const native = mapping[name];
      return native === undefined ? [] : [[native, value]];
    }),
  );
}

/** The limits of a launch: what was asked for, over the parameters' defaults. */
export function limitsOf(
  parameters: readonly ParameterEntry[],
  mapping: Readonly<Record<string, string>>,
  options: JsonObject,
): LaunchLimits {
  const defaults = Object.fromEntries(
    parameters.flatMap((parameter) => {
      const value = parameter.default_value;
      return typeof value === 'number' || typeof value === 'boolean' ? [[parameter.variable_name, value]] : [];
    }),
  );
  const effective: JsonObject = { ...defaults, ...options };
  const native = mapOptions(mapping, effective);
  const positive = (value: JsonValue | undefined): number | undefined =>
    typeof value === 'number' && value > 0 ? value : undefined;
  const cpus = positive(native.cpus_per_task);
  const memoryMb = positive(native.memory_per_node);
  const timeLimitMinutes = positive(native.time_limit);
  return {
    ...(cpus !== undefined && { cpus }),
    ...(memoryMb !== undefined && { memoryMb }),
    ...(timeLimitMinutes !== undefined && { timeLimitMinutes }),
    ...(effective[gpuOption] === true && { gpus: 1 }),
  };
}
