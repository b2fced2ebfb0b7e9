import type { LaunchReference } from '@user-workspaces/contract';
import { openJobFile } from './workspace-files.js';

/** File of the job directory that is there once the job has seen its own account, and nobody else, listen on its port. */
export const listeningName = 'listening';

/**
 * Lines of a start script that look who listens on the session's port, as only the node can tell: all accounts of a node share its ports. Once it is the job's own
 * account alone, that is written down with the job's secret. Where it is somebody else, the job is ended before it lets anybody be sent there.
 *
 * They run beside the program, as no child of it, and end with it.
 *
 * @param directory Of the job, as the script names it.
 */
export function listeningLines(directory: string, port: number): string {
  const hexadecimal = port.toString(16).toUpperCase().padStart(4, '0');
  return `uws_watch() {
trap '' TERM INT HUP USR1 USR2
PATH=/usr/local/bin:/usr/bin:/bin
uid=$(id -u) seen= pause=0.2
while kill -0 $$ 2>/dev/null; do
# In a line of the kernel's table 0A is a socket that listens; the eighth word is its owner.
who=$(grep -hs ':${hexadecimal} [0-9A-F]*:0000 0A ' /proc/net/tcp /proc/net/tcp6 |
while read -r _ _ _ _ _ _ _ owner _; do if [ "$owner" = "$uid" ]; then printf own; else printf other; fi; done)
case $seen$who in
seen*own*) ;;
*other*)
echo 'Another account of this node listens on port ${port} of the session: the job ends, so that nobody is sent there.' >&2
kill -TERM $$; sleep 10; kill -KILL $$ ;;
own*) (umask 077; printf '%s\\n' "$UWS_SECRET" > ${directory}/${listeningName}) && seen=seen pause=2 ;;
esac
sleep $pause
done
}
(uws_watch < /dev/null &)
`;
}

/** What keeps the job from being believed that it listens itself; nothing when it has seen to that. */
export async function unprovenListening(launch: LaunchReference, secret: string): Promise<string | undefined> {
  const file = await openJobFile(launch, listeningName);
  if (file === 'is not there yet') return 'The job has not seen its own program listen on its port yet.';
  if (typeof file === 'string') return `The file in which the job says that it listens ${file}.`;
  try {
    const expected = Buffer.from(`${secret}\n`);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(expected.length + 1), 0, expected.length + 1, 0);
    if (expected.equals(buffer.subarray(0, bytesRead))) return undefined;
    return 'The file in which the job says that it listens does not hold the secret of this job.';
  } finally {
    await file.close();
  }
}
