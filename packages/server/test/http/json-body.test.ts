import { schemas } from '@user-workspaces/schema';
import { expect, test } from 'vitest';
import { ApiError } from '../../src/http/api-error.js';
import { parseJson, validate } from '../../src/http/json-body.js';
import { defaultLimits } from '../../src/limits/limits.js';

function errorOf(work: () => unknown): ApiError {
  try {
    work();
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
  throw new Error('No error was thrown.');
}

const create = schemas.requests.createWorkspace.body;

test('an empty body is an empty object', () => {
  expect(parseJson(' \n')).toEqual({});
});

test.each(['{bad', 'nope', '7', '"text"', '[]', 'null'])('the body %s is refused as invalid JSON', (text) => {
  const error = errorOf(() => parseJson(text));
  expect(error).toMatchObject({ code: 'invalid_json', status: 400 });
  expect(error.message).toMatch(/^Invalid JSON: /);
});

test.each([
  [{ description: 'd' }, 'missing_field', 'name', 'Missing required fields.'],
  [{ name: 'n' }, 'missing_field', 'description', 'Missing required fields.'],
  [
    { name: 'n', description: 'd', workspace_details: [] },
    'invalid_field',
    'workspace_details',
    'Workspace details not JSON.',
  ],
  [
    { name: 'n', description: 'd', workspace_details: { files: {} } },
    'invalid_field',
    'workspace_details.files',
    "'files' index must contain a list.",
  ],
  [
    { name: 'n', description: 'd', workspace_details: { symlinks: 'abc' } },
    'invalid_field',
    'workspace_details.symlinks',
    "'symlinks' index must contain a list.",
  ],
])('%j is refused with the old message', (body, code, field, message) => {
  expect(errorOf(() => validate(create, body))).toMatchObject({ code, field, message });
});

test('a name of 65 characters is refused and the field is named', () => {
  const error = errorOf(() => validate(create, { name: 'x'.repeat(65), description: 'd' }));
  expect(error).toMatchObject({ code: 'invalid_field', field: 'name' });
  expect(error.message).toMatch(/^name: /);
});

test('unknown keys are ignored', () => {
  expect(validate(create, { name: 'n', description: 'd', other: 1 })).toEqual({ name: 'n', description: 'd' });
});

test.each([
  ['{}', 1],
  ['{"a":1}', 2],
  [' { "a" : [ ] , "b" : { } } ', 3],
  ['{"a":[[]],"b":{"c":""}}', 5],
  ['{"a\\",[{":"\\\\","b":[true,null,-1.5e3,"]"]}', 7],
])('%s has %d values', (text, values) => {
  const limited = (json_values: number) => () => parseJson(text, { ...defaultLimits, json_values });
  expect(limited(values)()).toEqual(JSON.parse(text));
  const details = { name: 'json_values', limit: values - 1, requested: values };
  if (values > 1) expect(errorOf(limited(values - 1))).toMatchObject({ code: 'too_large', details });
});
