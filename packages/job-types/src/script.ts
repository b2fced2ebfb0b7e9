import { readFileSync } from 'node:fs';
import type { LaunchFile } from '@user-workspaces/contract';

/**
 * A script of this package as a file of a launch. They are constant: what differs between jobs reaches them in
 * environment variables and arguments, so that no value can become shell syntax.
 */
export function script(source: string, name: string = source): LaunchFile {
  const content = readFileSync(new URL(`../scripts/${source}`, import.meta.url), 'utf8');
  return { name, content, mode: name.endsWith('.sh') ? 0o500 : 0o400 };
}

/** What every start script of a job with a session sources. */
export const sessionScript: LaunchFile = script('session.sh');
