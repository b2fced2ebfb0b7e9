// How the emitters read an OpenAPI document.

const methods = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch'];

/** The component name that a `$ref` points to. */
export const referenceName = (reference) => reference.split('/').at(-1);

/** Follows a reference to a parameter or response component. */
export function resolve(specification, node) {
  if (!node?.$ref) return node;
  return node.$ref
    .slice(2)
    .split('/')
    .reduce((at, key) => at[key.replaceAll('~1', '/').replaceAll('~0', '~')], specification);
}

/** Every operation with its path, method and resolved parameters, in the order of the document. */
export function listOperations(specification) {
  return Object.entries(specification.paths).flatMap(([path, item]) =>
    methods
      .filter((method) => item[method])
      .map((method) => {
        const operation = item[method];
        const parameters = [...(item.parameters ?? []), ...(operation.parameters ?? [])].map((parameter) =>
          resolve(specification, parameter),
        );
        return { path, method, operation, parameters, id: operation.operationId };
      }),
  );
}

/** `[content type, schema]` of a body or answer, or undefined. */
export function contentOf(specification, node) {
  const content = resolve(specification, node)?.content;
  return content ? Object.entries(content).map(([type, media]) => [type, media.schema]) : [];
}
