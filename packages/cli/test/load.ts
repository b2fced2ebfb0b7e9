import { fileURLToPath } from 'node:url';
import type { LoadedConfiguration, Machine } from '../src/configuration/configuration.js';
import { loadConfiguration } from '../src/configuration/load.js';

export const root: Machine = {
  isRoot: true,
  home: '/root/.local/share',
  username: 'root',
  platform: 'linux',
  jupyter: '/usr/bin/jupyter',
};

export const plainUser: Machine = { ...root, isRoot: false, home: '/home/ada/.local/share', username: 'ada' };

interface Given {
  readonly options?: Record<string, string>;
  readonly environment?: Record<string, string>;
  readonly machine?: Machine;
}

export function load({ options = {}, environment = {}, machine = root }: Given = {}): Promise<LoadedConfiguration> {
  return loadConfiguration({ options, environment, cwd: '/somewhere', machine });
}

/** The message that a configuration is refused with. */
export async function refusal(given: Given): Promise<string> {
  try {
    await load(given);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  throw new Error('The configuration was accepted.');
}

export function dataFile(name: string): string {
  return fileURLToPath(new URL(`data/${name}`, import.meta.url));
}
