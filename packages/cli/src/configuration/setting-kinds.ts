import { isAddressRange } from '@user-workspaces/server/configuration';
import * as z from 'zod';

/** How a value is written in the environment and checked, wherever it comes from. */
export interface SettingKind<S extends z.ZodType = z.ZodType> {
  /** Messages complete the sentence that begins with the key: "must be …". */
  readonly schema: S;
  /** Turns the text of an environment variable or option into what the file would hold. */
  readonly fromText: (text: string) => unknown;
  /** What is allowed, for the table in the documentation. */
  readonly allowed: string;
  /** A path, or a list of them: relative ones are taken from the file's directory, or from the working directory. */
  readonly isPath?: true;
}

const asIs = (text: string): unknown => text;

function oneOf(words: readonly string[]): string {
  return words.map((word) => `"${word}"`).join(', ');
}

/** A text on one line; `pattern` narrows it down. */
export function text(allowed: string, pattern = /^\P{Cc}+$/u): SettingKind<z.ZodString> {
  return { schema: z.string(`must be ${allowed}`).regex(pattern, `must be ${allowed}`), fromText: asIs, allowed };
}

export function path(): SettingKind<z.ZodString> {
  return { ...text('a path'), isPath: true };
}

export function wholeNumber(min: number, max: number, unit = ''): SettingKind<z.ZodInt> {
  const allowed = `a whole number${unit && ` of ${unit}`} from ${min} to ${max}`;
  const error = `must be ${allowed}`;
  return {
    schema: z.int(error).min(min, error).max(max, error),
    fromText: (value) => (/^\d{1,15}$/.test(value) ? Number(value) : value),
    allowed,
  };
}

export function yesNo(): SettingKind<z.ZodBoolean> {
  const words = new Map([
    ['true', true],
    ['1', true],
    ['yes', true],
    ['false', false],
    ['0', false],
    ['no', false],
  ]);
  const allowed = 'true or false';
  return {
    schema: z.boolean(`must be ${allowed}`),
    fromText: (value) => words.get(value.toLowerCase()) ?? value,
    allowed,
  };
}

export function choice<const W extends string>(words: readonly [W, ...W[]]): SettingKind<z.ZodEnum<{ [K in W]: K }>> {
  const allowed = `one of ${oneOf(words)}`;
  return { schema: z.enum(words, `must be ${allowed}`), fromText: asIs, allowed };
}

/** A list; in the environment its items stand between separators. */
function list(
  allowed: string,
  separator: ':' | ',',
  itemAllowed: string,
  item: (value: string) => boolean,
): SettingKind<z.ZodArray<z.ZodString>> {
  const error = `must be ${itemAllowed}`;
  return {
    schema: z.array(z.string(error).refine(item, error), `must be ${allowed}`),
    fromText: (value) =>
      value
        .split(separator)
        .map((part) => part.trim())
        .filter((part) => part !== ''),
    allowed: `${allowed}; in the environment separated by "${separator}"`,
  };
}

export function absolutePaths(): SettingKind<z.ZodArray<z.ZodString>> {
  return list(
    'a list of absolute paths',
    ':',
    'an absolute path',
    (value) => value.startsWith('/') && !value.includes('\0'),
  );
}

export function addressRanges(): SettingKind<z.ZodArray<z.ZodString>> {
  return list(
    'a list of IP addresses and ranges such as "10.0.0.0/8"',
    ',',
    'an IP address or a range such as "10.0.0.0/8"',
    isAddressRange,
  );
}

function parsedUrl(value: string): URL | undefined {
  return URL.canParse(value) ? new URL(value) : undefined;
}

function isOrigin(value: string): boolean {
  const url = parsedUrl(value);
  return url !== undefined && /^https?:$/.test(url.protocol) && `${url.protocol}//${url.host}` === value.toLowerCase();
}

export function origins(): SettingKind<z.ZodArray<z.ZodString>> {
  return list(
    'a list of origins such as "https://portal.example.org"',
    ',',
    'an origin such as "https://portal.example.org"',
    isOrigin,
  );
}

/** Scheme, host and port of this server as browsers see it; a trailing slash is dropped. */
export function publicAddress(): SettingKind<z.ZodType<string>> {
  const allowed = 'an address such as "https://workspaces.example.org": scheme, host and port, without a path';
  const error = `must be ${allowed}`;
  return {
    schema: z
      .string(error)
      .transform((value) => value.replace(/\/$/, '').replace(/^(https:.*):443$|^(http:.*):80$/, '$1$2'))
      .refine(isOrigin, error),
    fromText: asIs,
    allowed,
  };
}

/** An address with one of some schemes and a host. */
export function serverAddress(allowed: string, schemes: readonly string[]): SettingKind<z.ZodString> {
  const error = `must be ${allowed}`;
  return {
    schema: z.string(error).refine((value) => {
      const url = parsedUrl(value);
      return url !== undefined && schemes.includes(url.protocol) && url.hostname !== '';
    }, error),
    fromText: asIs,
    allowed,
  };
}

/** A part of the file with a shape of its own; in the environment it is JSON. */
export function section<S extends z.ZodType>(schema: S, shape: 'an object' | 'a list'): SettingKind<S> {
  return {
    schema,
    fromText: (value) => {
      try {
        return JSON.parse(value);
      } catch {
        // Left as it is, the text fails the check of the shape, and the message shows it.
        return value;
      }
    },
    allowed: `${shape}; in the environment as JSON`,
  };
}
