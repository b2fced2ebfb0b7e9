import type { LaunchSpecification } from '@user-workspaces/contract';
import { assignments, enterLines, environmentOf, fileLines, jobDirectoryOf, quote } from '@user-workspaces/launch';
import { listeningLines, listeningName } from './listening.js';

/** File of the job directory that holds the job's output. */
export const outputName = 'output.log';

/**
 * The script that the cluster runs as the account: it makes the job directory and its files, sets the environment and becomes the job, so that the exit code and
 * signal that Slurm records are the job's own. It reaches Slurm by a pipe: nothing of it stands in a command line.
 *
 * @param addresses Of the nodes whose address is not their name.
 */
export function startScript(
  specification: LaunchSpecification,
  port: number | null,
  addresses: ReadonlyMap<string, string>,
): string {
  const { workspacePath, jobId, files, session } = specification;
  const jobDirectory = jobDirectoryOf(workspacePath, jobId);
  const directory = `./.${jobId}`;
  const words = specification.command.map((part) => quote(part.replaceAll('{job_directory}', jobDirectory))).join(' ');
  const stale = ['session', listeningName, outputName, ...files.map(({ name }) => name)].map((name) =>
    quote(`${directory}/${name}`),
  );
  const environment = environmentOf(specification, { shell: '/bin/sh', port });
  const script = `#!/bin/sh
umask 022
uws_return=$(printf '\\r')
fail() { printf '%s\\n' "$1" >&2; exit "\${2:-125}"; }
# Put back into the queue by an operator: what ran once does not run again.
[ "\${SLURM_RESTART_COUNT:-0}" = 0 ] || exit 125
${enterLines(specification)}if [ -L ${directory} ]; then fail 'The job directory is a link.'; fi
if [ -d ${directory} ]; then rm -rf -- ${stale.join(' ')} || fail 'The job directory cannot be cleared.'
else mkdir -m 700 ${directory} || fail 'The job directory cannot be made in the workspace; its disk may be full.'; fi
set -C
exec > ${directory}/${outputName} 2>&1 || exit 125
${fileLines(specification)}export ${assignments(environment)}
${session ? hostLines(addresses) : ''}${session && port !== null ? listeningLines(directory, port) : ''}set -- ${words}
unset uws_return OLDPWD
exec "$@" < /dev/null
`;
  // Slurm takes no script with the line ends of DOS: a return, which stands between single quotes, is put in by name.
  return script.replaceAll('\r', `'"$uws_return"'`);
}

/** Sets `UWS_HOST` to what {@link hostOf} answers for the node. */
function hostLines(addresses: ReadonlyMap<string, string>): string {
  const cases = [...addresses].map(([node, address]) => `${quote(node)}) UWS_HOST=${quote(address)} ;;\n`).join('');
  return `case $SLURMD_NODENAME in\n${cases}*) UWS_HOST=$SLURMD_NODENAME ;;\nesac\nexport UWS_HOST\n`;
}
