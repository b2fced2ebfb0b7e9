// Emits zod schemas: one per component, and per operation its parameters, body and answers.
import { contentOf, listOperations, referenceName, resolve } from './specification.mjs';

const text = (value) => JSON.stringify(value);

/** The error option of a schema that carries its own messages. */
function messages(schema) {
  const wrong = schema['x-message'];
  const missing = schema['x-missing-message'];
  if (!wrong && !missing) return '';
  if (wrong && !missing) return `{ error: ${text(wrong)} }`;
  return `{ error: (issue) => (issue.input === undefined ? ${text(missing)} : ${wrong ? text(wrong) : 'undefined'}) }`;
}

const call = (name, ...options) => `z.${name}(${options.filter(Boolean).join(', ')})`;

function emitString(schema, error) {
  let out = call('string', error);
  if (schema.minLength !== undefined) out += `.min(${schema.minLength})`;
  if (schema.maxLength !== undefined) out += `.max(${schema.maxLength})`;
  if (schema.pattern !== undefined) out += `.regex(new RegExp(${text(schema.pattern)}))`;
  if (schema.format === 'date-time')
    out += '.refine((time) => !Number.isNaN(Date.parse(time)), { error: "not a time" })';
  return out;
}

function emitNumber(schema, error) {
  let out = schema.type === 'integer' ? call('int', error) : call('number', error);
  if (schema.minimum !== undefined) out += `.min(${schema.minimum})`;
  if (schema.maximum !== undefined) out += `.max(${schema.maximum})`;
  return out;
}

function emitArray(schema, error) {
  let out = call('array', emit(schema.items), error);
  if (schema.minItems !== undefined) out += `.min(${schema.minItems})`;
  if (schema.maxItems !== undefined) out += `.max(${schema.maxItems})`;
  return out;
}

function emitObject(schema, error) {
  const extra = schema.additionalProperties;
  if (!schema.properties) {
    return call('record', 'z.string()', typeof extra === 'object' ? emit(extra) : 'z.unknown()', error);
  }
  const required = new Set(schema.required ?? []);
  const properties = Object.entries(schema.properties).map(([name, property]) => {
    const value = emit(property);
    return `${text(name)}: ${required.has(name) ? value : `z.exactOptional(${value})`}`;
  });
  const kind = extra === false ? 'strictObject' : extra === true ? 'looseObject' : 'object';
  return call(kind, `{ ${properties.join(', ')} }`, error) + emitLeastProperties(schema);
}

function emitLeastProperties({ minProperties, properties }) {
  if (minProperties === undefined) return '';
  const message = `At least ${minProperties === 1 ? 'one' : minProperties} of ${Object.keys(properties).join(', ')} is needed.`;
  return `.refine((value) => Object.keys(value).length >= ${minProperties}, { error: ${text(message)} })`;
}

/** The zod expression of a JSON schema. */
export function emit(schema) {
  if (schema.$ref) return referenceName(schema.$ref);
  const error = messages(schema);
  if ('const' in schema) return `z.literal(${text(schema.const)})`;
  if (schema.enum) return `z.enum(${text(schema.enum)})`;
  if (schema.oneOf) {
    const options = `[${schema.oneOf.map(emit).join(', ')}]`;
    if (schema.discriminator) return `z.discriminatedUnion(${text(schema.discriminator.propertyName)}, ${options})`;
    return call('union', options, error);
  }
  if (Array.isArray(schema.type)) {
    return `z.union([${schema.type.map((type) => emit({ ...schema, type })).join(', ')}])`;
  }
  switch (schema.type) {
    case 'string':
      return emitString(schema, error);
    case 'integer':
    case 'number':
      return emitNumber(schema, error);
    case 'boolean':
      return call('boolean', error);
    case 'null':
      return 'z.null()';
    case 'array':
      return emitArray(schema, error);
    case 'object':
      return emitObject(schema, error);
    case undefined:
      return 'z.unknown()';
    default:
      throw new Error(`The generator does not know the type ${schema.type}.`);
  }
}

/** Parameters arrive as text: numbers and booleans are read from it, strictly. */
function emitParameter(schema) {
  if (schema.type === 'integer') return `integerText.pipe(${emitNumber(schema, '')})`;
  if (schema.type === 'boolean') return 'booleanText';
  return emit(schema);
}

function emitParameters(parameters, place) {
  const entries = parameters
    .filter((parameter) => parameter.in === place)
    .map((parameter) => {
      const value = emitParameter(parameter.schema);
      return `${text(parameter.name)}: ${parameter.required ? value : `z.exactOptional(${value})`}`;
    });
  return `z.object({ ${entries.join(', ')} })`;
}

/** Components in an order in which each comes after those it refers to. */
function ordered(components) {
  const done = new Map();
  const visit = (name, trail) => {
    if (done.has(name)) return;
    if (trail.includes(name))
      throw new Error(`The schemas refer to each other in a circle: ${[...trail, name].join(' → ')}`);
    for (const [, reference] of JSON.stringify(components[name]).matchAll(/"\$ref":"([^"]+)"/g)) {
      visit(referenceName(reference), [...trail, name]);
    }
    done.set(name, components[name]);
  };
  for (const name of Object.keys(components)) visit(name, []);
  return [...done];
}

/** The lists in a body whose lengths are limits of the server's, by their places. */
function listsOf(specification, schema, path = []) {
  const { 'x-limit': limit, properties = {} } = resolve(specification, schema) ?? {};
  return [
    ...(limit === undefined ? [] : [{ path, limit }]),
    ...Object.entries(properties).flatMap(([name, property]) => listsOf(specification, property, [...path, name])),
  ];
}

export function emitSchemas(specification) {
  const lines = [
    "import * as z from 'zod';",
    '',
    "const integerText = z.string().regex(/^-?[0-9]{1,15}$/, { error: 'not an integer' }).transform(Number);",
    "const booleanText = z.enum(['true', 'false', '1', '0']).transform((value) => value === 'true' || value === '1');",
    '',
  ];
  for (const [name, schema] of ordered(specification.components.schemas)) {
    lines.push(`export const ${name} = ${emit(schema)};`);
  }
  lines.push(
    '',
    '/** What each operation takes: parameters as text, its JSON body, and which limits bound the lists in it. */',
    'export const requests = {',
  );
  const operations = listOperations(specification);
  for (const { id, operation, parameters } of operations) {
    const body = contentOf(specification, operation.requestBody).find(([type]) => type === 'application/json');
    lines.push(
      `  ${id}: { path: ${emitParameters(parameters, 'path')}, query: ${emitParameters(parameters, 'query')}, headers: ${emitParameters(parameters, 'header')}, body: ${body ? emit(body[1]) : 'z.undefined()'}, lists: ${text(listsOf(specification, body?.[1]))} },`,
    );
  }
  lines.push('} as const;', '', '/** The JSON answers of each operation by status. */', 'export const answers = {');
  for (const { id, operation } of operations) {
    const statuses = Object.entries(operation.responses).flatMap(([status, response]) =>
      contentOf(specification, response)
        .filter(([type]) => type === 'application/json')
        .map(([, schema]) => `${text(status)}: ${emit(schema)}`),
    );
    lines.push(`  ${id}: { ${statuses.join(', ')} },`);
  }
  lines.push('} as const;', '');
  return lines.join('\n');
}
