import { expect, test } from 'vitest';
import { checkOptions, isHeeded, limitsOf, mapOptions } from '../../src/services/job-options.js';

const parameters = [
  {
    display_name: 'CPUs',
    description: '',
    variable_name: 'num_cpus',
    default_value: 1,
    validation: { type: 'int' as const, min: 1, max: 4, required: false },
  },
  {
    display_name: 'Time',
    description: '',
    variable_name: 'time_limit_minutes',
    aliases: ['time_limit_min'],
    default_value: 180,
    validation: { type: 'int' as const, min: 1, max: 720, required: true },
  },
  {
    display_name: 'GPU',
    description: '',
    variable_name: 'gpu_enabled',
    default_value: false,
    validation: { type: 'bool' as const, required: false },
  },
];
const mapping = { num_cpus: 'cpus_per_task', time_limit_minutes: 'time_limit' };

test('known options are kept under the API names, unknown ones are left out', () => {
  expect(checkOptions(parameters, { num_cpus: 2, time_limit_min: 5, other: 'x' })).toEqual({
    num_cpus: 2,
    time_limit_minutes: 5,
  });
});

test.each([
  [{}, "['Missing required: time_limit_minutes']"],
  [
    { num_cpus: '2', time_limit_minutes: 1 },
    `["num_cpus: Value '2' of type str does not match required type int. Skipping further validation of parameter num_cpus."]`,
  ],
  [{ num_cpus: 0, time_limit_minutes: 1 }, `["num_cpus: Value '0' not above minimum of 1."]`],
  [{ num_cpus: 5, time_limit_minutes: 1 }, `["num_cpus: Value '5' above maximum of 4."]`],
  [
    { num_cpus: true, time_limit_minutes: 1 },
    `["num_cpus: Value 'True' of type bool does not match required type int. Skipping further validation of parameter num_cpus."]`,
  ],
  [
    { num_cpus: null, time_limit_minutes: 1 },
    `["num_cpus: Value 'None' of type NoneType does not match required type int. Skipping further validation of parameter num_cpus."]`,
  ],
])('%j is refused in the words of the old service', (options, list) => {
  expect(() => checkOptions(parameters, options)).toThrow(`Invalid resource options found: ${list}`);
});

test('options get the names of the resource, those without a mapping are left out', () => {
  expect(mapOptions(mapping, { num_cpus: 2, gpu_enabled: true })).toEqual({ cpus_per_task: 2 });
});

test('limits are what was asked for over the defaults', () => {
  expect(limitsOf(parameters, mapping, { num_cpus: 2, gpu_enabled: true })).toEqual({
    cpus: 2,
    timeLimitMinutes: 180,
    gpus: 1,
  });
});

test('an option is heeded where it has a name of the resource, and a GPU where the resource has some', () => {
  const capabilities = { extend: false, push: false, limits: { time: '', memory: '', cpu: '' } };
  const heeded = (gpus?: boolean) =>
    parameters
      .map(({ variable_name }) => variable_name)
      .filter((name) =>
        isHeeded({ num_cpus: 'cpus_per_task' }, { ...capabilities, ...(gpus !== undefined && { gpus }) }, name),
      );
  expect(heeded()).toEqual(['num_cpus']);
  expect(heeded(false)).toEqual(['num_cpus']);
  expect(heeded(true)).toEqual(['num_cpus', 'gpu_enabled']);
});
