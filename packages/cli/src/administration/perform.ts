import type { LoadedConfiguration } from '../configuration/configuration.js';
import type { OpenAdministration } from './open.js';
import { plainJson } from './table.js';

/** Options of every command of administration. */
export interface CommonOptions {
  readonly config?: string;
  readonly dataDir?: string;
  readonly json?: true;
}

/** Loads the configuration, opens the database, does the work, and prints what came of it: as text for people or as JSON. */
export type Perform = <R>(
  options: CommonOptions,
  work: (open: OpenAdministration) => Promise<R>,
  text: (result: R) => string,
) => Promise<void>;

export type Load = (options: Readonly<Record<string, string | undefined>>) => Promise<LoadedConfiguration>;

/** @param mayBegin Makes the embedded database where there is none: an operator may do so before the server's first start. */
export function performer(load: Load, mayBegin: boolean): Perform {
  return async ({ config, dataDir, json }, work, text) => {
    const loaded = await load({ config, data_dir: dataDir });
    const { withAdministration } = await import('./open.js');
    const result = await withAdministration(loaded, mayBegin, work);
    process.stdout.write(json ? `${plainJson(result)}\n` : text(result));
  };
}
