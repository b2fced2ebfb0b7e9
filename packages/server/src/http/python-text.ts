import type { JsonValue } from '@user-workspaces/contract';

function isDictionary(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The name of a JSON value's Python type, for messages that are part of the old API. 1.0 cannot be told from 1 and counts as int. */
export function pythonType(value: unknown): 'int' | 'float' | 'str' | 'bool' | 'list' | 'dict' | 'NoneType' {
  if (value === null || value === undefined) return 'NoneType';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'number') return Number.isInteger(value) ? 'int' : 'float';
  if (typeof value === 'string') return 'str';
  return Array.isArray(value) ? 'list' : 'dict';
}

/** Text with quotes as Python's `repr` writes it. */
export function pythonQuoted(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  let out = '';
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    if (character === '\\' || character === quote) out += `\\${character}`;
    else if (character === '\n') out += '\\n';
    else if (character === '\r') out += '\\r';
    else if (character === '\t') out += '\\t';
    else if (code < 0x20 || code === 0x7f) out += `\\x${code.toString(16).padStart(2, '0')}`;
    else out += character;
  }
  return quote + out + quote;
}

/** A JSON value as Python's `repr` writes it. */
export function pythonRepr(value: unknown): string {
  if (value === null || value === undefined) return 'None';
  if (value === true) return 'True';
  if (value === false) return 'False';
  if (typeof value === 'string') return pythonQuoted(value);
  if (Array.isArray(value)) return `[${value.map(pythonRepr).join(', ')}]`;
  if (isDictionary(value)) {
    return `{${Object.entries(value)
      .map(([key, item]) => `${pythonQuoted(key)}: ${pythonRepr(item)}`)
      .join(', ')}}`;
  }
  return String(value satisfies unknown);
}

/** A JSON value as Python's `str` writes it: text without quotes. */
export function pythonString(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : pythonRepr(value);
}
