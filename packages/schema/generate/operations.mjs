// Emits the operation table: what client and server need to know of each operation besides its types.
import { contentOf, listOperations } from './specification.mjs';

const bodyKinds = {
  'application/json': 'json',
  'application/octet-stream': 'binary',
  'multipart/form-data': 'multipart',
  'text/event-stream': 'events',
  'application/zip': 'binary',
  'application/gzip': 'binary',
  'text/plain': 'text',
};

function kindOf(contents) {
  const [first] = contents;
  if (!first) return 'none';
  const kind = bodyKinds[first[0]];
  if (!kind) throw new Error(`The generator does not know the content type ${first[0]}.`);
  return kind;
}

/** One row per operation. Those that need a role are in a table of their own, so that pages without them need not load them. */
function rowsOf(specification, belongs) {
  const wanted = listOperations(specification).filter(({ operation }) => belongs(operation));
  return wanted.map(({ id, path, method, operation, parameters }) => {
    const row = {
      method: method.toUpperCase(),
      path,
      authentication: (operation.security ?? specification.security).length > 0,
      query: parameters.filter((parameter) => parameter.in === 'query').map((parameter) => parameter.name),
      idempotencyKey: parameters.some((parameter) => parameter.name === 'Idempotency-Key'),
      body: kindOf(contentOf(specification, operation.requestBody)),
      answer: kindOf(contentOf(specification, operation.responses['200'])),
      servedBy: operation['x-served-by'] === 'session proxy' ? 'proxy' : 'handler',
      ...(operation['x-role'] && { role: operation['x-role'] }),
    };
    return `  ${id}: ${JSON.stringify(row)},`;
  });
}

export function emitAdministration(specification) {
  return [
    '/** Every operation that needs a role, by its operationId. */',
    'export const administrationOperations = {',
    ...rowsOf(specification, (operation) => operation['x-role'] !== undefined),
    '} as const;',
    '',
  ].join('\n');
}

export function emitOperations(specification) {
  const constants = {
    errorCodes: specification.components.schemas.ErrorCode.enum,
    ticketParameter: specification.components.securitySchemes.ticket.name,
    sessionCookie: specification.components.securitySchemes.session.name,
    specificationVersion: specification.info.version,
  };
  return [
    '/** Every operation of the specification that needs no role, by its operationId. */',
    'export const operations = {',
    ...rowsOf(specification, (operation) => operation['x-role'] === undefined),
    '} as const;',
    '',
    ...Object.entries(constants).map(([name, value]) => `export const ${name} = ${JSON.stringify(value)} as const;`),
    '',
  ].join('\n');
}
