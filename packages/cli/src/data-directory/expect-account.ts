import { readFile, stat } from 'node:fs/promises';
import { AdapterError } from '@user-workspaces/contract';

/**
 * Makes sure that a program which works beside the server runs as the server's account: files that another one makes the server could not use, and another one cannot use the server's.
 *
 * @param command For the message, such as `uws admin`.
 * @throws AdapterError `misconfigured` that says how to run it; nothing where there is no data directory yet.
 */
export async function expectAccountOf(root: string, command: string): Promise<void> {
  const uid = await ownerOf(root);
  if (uid === undefined || uid === process.getuid?.()) return;
  const name = (await accountName(uid)) ?? `'#${uid}'`;
  throw new AdapterError(
    'misconfigured',
    `data_dir is "${root}", which belongs to the account ${name} (uid ${uid}). "${command}" works as the account that runs the server: sudo -u ${name} ${command} … (sudo drops the environment: name --config or --data-dir where the server's is not the default).`,
    { field: 'data_dir' },
  );
}

async function ownerOf(root: string): Promise<number | undefined> {
  try {
    return (await stat(root)).uid;
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    // Whatever else keeps it from being a data directory is told by whoever prepares it.
    if (code !== 'EACCES') return undefined;
    throw new AdapterError(
      'misconfigured',
      `data_dir is "${root}", and this account (uid ${process.getuid?.()}) cannot look at it. Run this as the account that runs the server.`,
      { field: 'data_dir', cause },
    );
  }
}

/** Only from the file: for a message it is not worth to ask a directory service. */
async function accountName(uid: number): Promise<string | undefined> {
  const lines = await readFile('/etc/passwd', 'utf8').catch(() => '');
  return lines
    .split('\n')
    .map((line) => line.split(':'))
    .find((fields) => fields[2] === String(uid))?.[0];
}
