import { resolve, type Schema } from './description.js';
import type { Random } from './random.js';

const words = [
  'a',
  'notebook.ipynb',
  'data/x.csv',
  'Ein Name',
  'local_test_job',
  '日本語',
  'e\u0301',
  '👩‍🔬',
  'x'.repeat(64),
];

/** Texts that have broken programs. */
const oddTexts = [
  '',
  ' ',
  '\0',
  'a\0b',
  '\ud800',
  '\u202e\u0000',
  '../../etc/passwd',
  '/etc/passwd',
  '..\\..\\x',
  '.',
  '..',
  '.staging',
  'a//b',
  `${'d/'.repeat(200)}x`,
  'x'.repeat(256),
  'é'.repeat(3_000),
  'x'.repeat(70_000),
  "'; DROP TABLE users; --",
  '" OR 1=1',
  '%00',
  '%2e%2e%2f',
  '%',
  '%_',
  '%ff',
  '{{7*7}}',
  '<script>alert(1)</script>',
  'a\r\nX-Injected: 1',
  '\u2028\ufeff',
  '__proto__',
  'constructor',
  'toString',
  'null',
  'NaN',
  '-1',
  '1e999',
  '0x10',
  '９',
  '9'.repeat(15),
  '9'.repeat(40),
  'true',
  '275760-09-13T00:00:00.001Z',
  '-271821-04-20T00:00:00Z',
  'file:///etc/passwd',
  'http://127.0.0.1:1/',
] as const;

const oddNumbers = [
  ...[-1, 0, 0.5, -0, 1e15, 2 ** 31, 2 ** 53 - 1, 2 ** 53, 2 ** 63, 1e21, 1e308],
  Number.MIN_VALUE,
  -(2 ** 63),
] as const;

export function oddText(random: Random): string {
  return random.pick(oddTexts);
}

/** What a property is best given: ids of things that exist, names that mean something. */
export type Suggest = (property: string) => unknown;

/** A value that fits a schema. */
export function validValue(given: Schema, random: Random, suggest: Suggest = () => undefined): unknown {
  const schema = resolve(given);
  if (schema.const !== undefined) return schema.const;
  if (schema.enum) return random.pick(schema.enum);
  if (schema.oneOf) return validValue(random.pick(schema.oneOf), random, suggest);
  const type = Array.isArray(schema.type) ? String(random.pick(schema.type)) : schema.type;
  switch (type) {
    case 'null':
      return null;
    case 'boolean':
      return random.chance(0.5);
    case 'integer':
    case 'number':
      return random.int(schema.minimum ?? 0, Math.min(schema.maximum ?? 1_000, (schema.minimum ?? 0) + 1_000));
    case 'string':
      return textFor(schema, random);
    case 'array': {
      const length = random.int(schema.minItems ?? 0, Math.min(schema.maxItems ?? 3, 3));
      return Array.from({ length }, () => validValue(schema.items ?? {}, random, suggest));
    }
    case 'object':
      return objectFor(schema, random, suggest);
    default:
      return random.pick<unknown>(['x', 1, null, [], {}]);
  }
}

function textFor({ pattern, minLength = 0, maxLength = 100 }: Schema, random: Random): string {
  if (pattern === '^[0-9a-f]{32}$') return random.bytes(16).toString('hex');
  if (pattern?.startsWith('^[0-9]') || pattern?.startsWith('^([0-9]')) return String(random.int(1, 50));
  if (pattern !== undefined) return `portal ${random.int(1, 20)}`;
  return random.pick(words).slice(0, maxLength).padEnd(minLength, 'x');
}

function objectFor(schema: Schema, random: Random, suggest: Suggest): Record<string, unknown> {
  const { properties = {}, required = [] } = schema;
  const names = Object.keys(properties).filter((name) => required.includes(name) || random.chance(0.5));
  const valueFor = (name: string): unknown => {
    const suggested = random.chance(0.8) ? suggest(name) : undefined;
    return suggested === undefined ? validValue(properties[name] ?? {}, random, suggest) : suggested;
  };
  return Object.fromEntries(names.map((name) => [name, valueFor(name)]));
}

/** A value that fits nowhere in particular. */
export function wildValue(random: Random, depth = 0): unknown {
  const kind = random.int(0, depth > 4 ? 4 : 6);
  switch (kind) {
    case 0:
      return oddText(random);
    case 1:
      return random.pick(oddNumbers);
    case 2:
      return random.pick([null, true, false]);
    case 3:
      return random.pick(words);
    case 4:
      return random.int(-10, 10);
    case 5:
      return Array.from({ length: random.int(0, 4) }, () => wildValue(random, depth + 1));
    default:
      return Object.fromEntries(
        Array.from({ length: random.int(0, 4) }, () => [oddText(random), wildValue(random, depth + 1)]),
      );
  }
}

/** The value with one thing in it changed: of another type, left out, added, or odd. */
export function almost(value: unknown, random: Random): unknown {
  if (Array.isArray(value)) {
    if (value.length === 0 || random.chance(0.2))
      return random.chance(0.5) ? [...value, wildValue(random)] : wildValue(random);
    const at = random.int(0, value.length - 1);
    return value.map((item, index) => (index === at ? almost(item, random) : item));
  }
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value);
    if (entries.length === 0 || random.chance(0.15)) return { ...value, [oddText(random)]: wildValue(random) };
    const [name] = random.pick(entries);
    if (random.chance(0.2)) return Object.fromEntries(entries.filter(([key]) => key !== name));
    return Object.fromEntries(entries.map(([key, item]) => [key, key === name ? almost(item, random) : item]));
  }
  return random.chance(0.5) ? oddText(random) : wildValue(random);
}
