// Writes src/*.gen.ts and openapi.json from openapi/user-workspaces.yaml; `--check` only tells whether they are up to date.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import openapiTypescript, { astToString } from 'openapi-typescript';
import { parse } from 'yaml';
import { emitEquality } from './equality.mjs';
import { emitAdministration, emitOperations } from './operations.mjs';
import { emitSchemas } from './schemas.mjs';

const source = new URL('../../../openapi/user-workspaces.yaml', import.meta.url);
const specification = parse(readFileSync(source, 'utf8'));
const header = '// Generated from openapi/user-workspaces.yaml by `npm run generate`. Do not edit.\n\n';

const types = astToString(await openapiTypescript(specification, { defaultNonNullable: false }));
const outputs = {
  'src/types.gen.ts': header + types,
  'src/schemas.gen.ts': header + emitSchemas(specification),
  'src/operations.gen.ts': header + emitOperations(specification),
  'src/administration.gen.ts': header + emitAdministration(specification),
  'src/equality.gen.ts': header + emitEquality(specification),
  'openapi.json': `${JSON.stringify(specification, null, 1)}\n`,
};

const stale = [];
for (const [name, text] of Object.entries(outputs)) {
  const path = fileURLToPath(new URL(`../${name}`, import.meta.url));
  let present = '';
  try {
    present = readFileSync(path, 'utf8');
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
  if (present === text) continue;
  stale.push(name);
  if (process.argv.includes('--check')) continue;
  mkdirSync(new URL('.', new URL(`../${name}`, import.meta.url)), { recursive: true });
  writeFileSync(path, text);
}
if (process.argv.includes('--check') && stale.length > 0) {
  console.error(
    `packages/schema: ${stale.join(', ')} differ from the specification. Run \`npm run generate\` and commit.`,
  );
  process.exit(1);
}
console.log(stale.length === 0 ? 'Generated files are up to date.' : `Written: ${stale.join(', ')}`);
