import type { LaunchReference, Resource } from '@user-workspaces/contract';
import type { ServerContext } from '../server-context.js';

const tailBytes = 8_192;
const lineCount = 20;

/** The last lines that a job wrote, for the message that says why it failed; none when they cannot be read. */
export async function lastLogLines(
  context: ServerContext,
  resource: Resource,
  launch: LaunchReference,
  signal: AbortSignal,
): Promise<string[]> {
  const chunks: Uint8Array[] = [];
  try {
    for await (const chunk of resource.logs(launch, { tailBytes, follow: false }, signal)) chunks.push(chunk.content);
  } catch (error) {
    context.log.warn({ err: error, jobId: launch.jobId }, 'the output of a failed job could not be read');
    return [];
  }
  const text = Buffer.concat(chunks).toString('utf8').replaceAll('\0', '');
  return text.trim() === '' ? [] : text.trimEnd().split(/\r?\n/).slice(-lineCount);
}
