import { randomBytes } from 'node:crypto';
import { link, open, readFile, unlink } from 'node:fs/promises';
import { AdapterError } from '@user-workspaces/contract';

/** The portal's client token and where it comes from. */
export interface ClientToken {
  readonly value: string;
  /** `made`: just now, so this is the time to show it. */
  readonly origin: 'configured' | 'made' | 'kept';
}

/**
 * The client token: the configured one, or the one kept in a file that only its owner may read; made when there is none.
 *
 * @param file Where a made token is kept, with mode 0600.
 */
export async function clientTokenOf(configured: string | undefined, file: string): Promise<ClientToken> {
  if (configured !== undefined) return { value: configured, origin: 'configured' };
  const kept = await readKept(file);
  if (kept !== undefined) return { value: kept, origin: 'kept' };
  const value = randomBytes(32).toString('base64url');
  const own = `${file}.${process.pid}-${randomBytes(6).toString('hex')}`;
  const handle = await open(own, 'wx', 0o600);
  try {
    await handle.writeFile(`${value}\n`);
    await handle.sync();
    await link(own, file);
  } finally {
    await handle.close();
    await unlink(own);
  }
  return { value, origin: 'made' };
}

async function readKept(file: string): Promise<string | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  const token = text.trim();
  if (/^[\x21-\x7e]{1,512}$/.test(token)) return token;
  throw new AdapterError(
    'misconfigured',
    `The file ${file} must hold the portal's client token on one line, and holds something else. Put the token back, or remove the file for a new one.`,
    { field: 'client_token' },
  );
}
