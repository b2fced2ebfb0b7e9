// The specification, what is generated from it, and the handlers cannot drift apart unnoticed.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
/** Of the sources. What a test builds there shortens the next one's build, as for somebody who works on them. */
let copy: string;
const originals = new Map<string, string>();

beforeAll(() => {
  mkdirSync(join(root, '.cache'), { recursive: true });
  copy = mkdtempSync(join(root, '.cache', 'drift-'));
  const isSource = (path: string): boolean => !/\/(dist|node_modules|test)(\/|$)/.test(path.slice(root.length - 1));
  for (const name of ['openapi', 'packages/schema', 'packages/contract', 'packages/server']) {
    cpSync(join(root, name), join(copy, name), { recursive: true, filter: isSource });
  }
  cpSync(join(root, 'tsconfig.base.json'), join(copy, 'tsconfig.base.json'));
  // The copies of the packages stand for themselves; everything else is as installed.
  mkdirSync(join(copy, 'node_modules', '@user-workspaces'), { recursive: true });
  for (const name of ['schema', 'contract']) {
    symlinkSync(join(copy, 'packages', name), join(copy, 'node_modules', '@user-workspaces', name));
  }
});

afterEach(() => {
  for (const [path, text] of originals) writeFileSync(path, text);
  originals.clear();
});
afterAll(() => rmSync(copy, { recursive: true, force: true }));

function run(script: string, ...args: string[]): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], { cwd: copy, encoding: 'utf8' });
  return { status, output: stdout + stderr };
}

const build = (project: string) =>
  run(join(root, 'node_modules/typescript/bin/tsc'), '-b', join(copy, 'packages', project));
const checkGenerated = () => run(join(copy, 'packages/schema/generate/generate.mjs'), '--check');

function edit(name: string, from: string | RegExp, to: string): void {
  const path = join(copy, name);
  const text = readFileSync(path, 'utf8');
  const edited = text.replace(from, to);
  expect(edited).not.toBe(text);
  originals.set(path, originals.get(path) ?? text);
  writeFileSync(path, edited);
}

test('as it is, everything agrees', () => {
  expect(checkGenerated()).toMatchObject({ status: 0 });
  expect(build('server')).toMatchObject({ status: 0 });
});

describe('a property changed in one place alone', () => {
  test('in the specification: the check of generated files fails', () => {
    edit('openapi/user-workspaces.yaml', 'disk_space: { type: integer', 'disk_space: { type: string');
    const { status, output } = checkGenerated();
    expect(status).toBe(1);
    expect(output).toContain('types.gen.ts');
  });

  test('in the generated types: the build fails', () => {
    edit('packages/schema/src/types.gen.ts', 'disk_space: number;', 'disk_space: number; also?: string;');
    expect(build('schema').status).not.toBe(0);
    expect(checkGenerated().status).toBe(1);
  });

  test('in the generated schemas: the build fails', () => {
    edit('packages/schema/src/schemas.gen.ts', '"disk_space": z.int()', '"disk_space": z.exactOptional(z.int())');
    expect(build('schema').status).not.toBe(0);
    expect(checkGenerated().status).toBe(1);
  });
});

describe('handlers', () => {
  test('one removed does not compile', () => {
    edit('packages/server/src/handlers/index.ts', '    ...shareHandlers(context),\n', '');
    const { status, output } = build('server');
    expect(status).not.toBe(0);
    expect(output).toContain('listShares');
  });

  test('one that the specification does not have does not compile', () => {
    edit(
      'packages/server/src/handlers/index.ts',
      '  return {\n',
      '  return {\n    inventWorkspace: async () => undefined,\n',
    );
    const { status, output } = build('server');
    expect(status).not.toBe(0);
    expect(output).toContain('inventWorkspace');
  });

  test('one whose answer is not what the specification says does not compile', () => {
    edit('packages/server/src/handlers/catalogue.ts', 'data: { parameters }', 'data: { parameter: parameters }');
    expect(build('server').status).not.toBe(0);
  });
});
