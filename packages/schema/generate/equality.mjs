// Emits a module that compiles only while the zod schemas and the generated types say the same.
import { contentOf, listOperations } from './specification.mjs';

export function emitEquality(specification) {
  const operations = listOperations(specification);
  const checks = [
    ...Object.keys(specification.components.schemas).map(
      (name) => `Same<z.input<typeof schemas.${name}>, components['schemas']['${name}']>`,
    ),
    ...operations.flatMap(({ id, parameters }) =>
      ['path', 'query']
        .filter((place) => parameters.some((parameter) => parameter.in === place))
        .map((place) => {
          const type = `operations['${id}']['parameters']['${place}']`;
          return `Same<z.output<typeof schemas.requests.${id}.${place}>, NonNullable<${type}>>`;
        }),
    ),
    ...operations
      .filter(({ operation }) =>
        contentOf(specification, operation.requestBody).some(([type]) => type === 'application/json'),
      )
      .map(
        ({ id }) =>
          `Same<z.input<typeof schemas.requests.${id}.body>, NonNullable<operations['${id}']['requestBody']>['content']['application/json']>`,
      ),
    ...operations.flatMap(({ id, operation }) =>
      Object.entries(operation.responses)
        .filter(([, response]) => contentOf(specification, response).some(([type]) => type === 'application/json'))
        .map(([status]) => {
          const key = status === 'default' ? "'default'" : status;
          return `Same<z.input<(typeof schemas.answers.${id})['${status}']>, operations['${id}']['responses'][${key}]['content']['application/json']>`;
        }),
    ),
  ];
  return [
    "import type * as z from 'zod';",
    "import type * as schemas from './schemas.gen.js';",
    "import type { components, operations } from './types.gen.js';",
    '',
    '/** Written out property by property, so that two spellings of one type compare as equal. */',
    'type Plain<T> = T extends readonly (infer Item)[] ? Plain<Item>[] : T extends object ? { [Key in keyof T]: Plain<T[Key]> } : T;',
    'type Identical<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;',
    'type Same<A, B> = Identical<Plain<A>, Plain<B>>;',
    'type AllTrue<T extends readonly true[]> = T;',
    '',
    '/** Does not compile when a schema and its type differ; the position in the list tells which. */',
    'export type Equality = AllTrue<[',
    ...checks.map((check) => `  ${check},`),
    ']>;',
    '',
  ].join('\n');
}
