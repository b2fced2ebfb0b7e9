import { readFile } from 'node:fs/promises';
import { dirname, extname } from 'node:path';
import { pathToFileURL } from 'node:url';
import { AdapterError } from '@user-workspaces/contract';
import * as z from 'zod';
import type { CustomAdapters } from './custom-adapters.js';

/** What stands in the configuration file, not yet checked. */
export interface ConfigurationFile {
  readonly path: string;
  /** Relative paths in the file start here. */
  readonly directory: string;
  readonly content: Readonly<Record<string, unknown>>;
  readonly adapters: CustomAdapters;
}

const anObject = z.record(z.string(), z.unknown());
const aFunction = z.custom<(...values: never[]) => unknown>((value) => typeof value === 'function');
const adaptersSchema = z.strictObject({
  user_authentication_types: z.record(z.string(), aFunction).optional(),
  storage_types: z.record(z.string(), aFunction).optional(),
  resource_types: z.record(z.string(), aFunction).optional(),
  job_types: z.array(z.object({ kind: z.string(), configure: aFunction })).optional(),
});

function isCustomAdapters(value: unknown): value is CustomAdapters {
  return adaptersSchema.safeParse(value).success;
}

function misconfigured(message: string, cause?: unknown): AdapterError {
  return new AdapterError('misconfigured', message, { field: 'UWS_CONFIG', ...(cause !== undefined && { cause }) });
}

/**
 * Reads the configuration file: JSON, or an ES module (`.js`, `.mjs`) whose default export is the configuration, with
 * adapters of one's own under the key `adapters`.
 *
 * @param path Absolute path.
 * @throws AdapterError `misconfigured` when it cannot be read or holds something else.
 */
export async function readConfigurationFile(path: string): Promise<ConfigurationFile> {
  const isModule = ['.js', '.mjs'].includes(extname(path));
  const value = isModule ? await importDefault(path) : await parseJson(path);
  const parsed = anObject.safeParse(value);
  if (!parsed.success || Array.isArray(value)) {
    const what = isModule ? 'its default export must be' : 'it must hold';
    throw misconfigured(`The configuration file ${path} (UWS_CONFIG) cannot be used: ${what} an object.`);
  }
  const { adapters = {}, ...content } = parsed.data;
  if (!isModule && Object.hasOwn(parsed.data, 'adapters')) {
    throw misconfigured(`adapters in ${path} cannot be given in JSON; allowed in an ES module (.mjs) only.`);
  }
  if (!isCustomAdapters(adapters)) {
    const allowed = 'functions under user_authentication_types, storage_types, resource_types, and a list job_types';
    throw misconfigured(`adapters in ${path} must be an object with ${allowed}.`);
  }
  return { path, directory: dirname(path), content, adapters };
}

async function parseJson(path: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw misconfigured(
      `The configuration file ${path} (UWS_CONFIG) cannot be read: ${reason}. It must be a JSON file or an ES module.`,
      cause,
    );
  }
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (cause) {
    // The parser's own words quote the text, in which there may be secrets.
    const position = cause instanceof Error ? /position (\d+)/.exec(cause.message)?.[1] : undefined;
    const line = position === undefined ? '' : ` (line ${text.slice(0, Number(position)).split('\n').length})`;
    throw misconfigured(`The configuration file ${path} (UWS_CONFIG) is not valid JSON${line}.`);
  }
}

async function importDefault(path: string): Promise<unknown> {
  try {
    const module: unknown = await import(pathToFileURL(path).href);
    return typeof module === 'object' && module !== null ? Reflect.get(module, 'default') : undefined;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw misconfigured(`The configuration module ${path} (UWS_CONFIG) cannot be loaded: ${reason}.`, cause);
  }
}
