import type { LaunchSpecification } from '@user-workspaces/contract';
import { AdapterError } from '@user-workspaces/contract';
import { assignments, enterLines, environmentOf, fileLines, jobDirectoryOf, quote } from '@user-workspaces/launch';

/** The port that a session listens on inside its container; the engine chooses the one outside. */
export const sessionPort = 8080;

/** In the job directory: a container that finds it there was started before. */
export const startMarkName = '.launched';

/** The kernel takes no longer text in one variable, and not much more than this in all of them. */
const pieceCharacters = 30_000;
const mostBytes = 1_500_000;

/** What the start script says on the container's standard error, which is its alone: the job's goes with its standard output. */
export const words = { failed: 'failed ', ended: 'ended' } as const;

/**
 * The program of the container's first process: it runs as the account, makes the job directory and its files, starts the job, and afterwards says whether a signal
 * ended it. It stays process 1, which no signal from inside can kill and which takes in orphans. TERM comes to the job's processes from outside, so it only outlives that.
 *
 * A container that is started a second time ends at once: the job was launched already.
 */
function startScript(specification: LaunchSpecification, host: string): string {
  const { workspacePath, jobId, files, command } = specification;
  const directory = `./.${jobId}`;
  const jobDirectory = jobDirectoryOf(workspacePath, jobId);
  const [program, ...rest] = command.map((part) => part.replaceAll('{job_directory}', jobDirectory));
  const line = [program ?? '', ...rest].map(quote).join(' ');
  const stale = ['session', ...files.map(({ name }) => name)].map((name) => quote(`${directory}/${name}`)).join(' ');
  const environment = environmentOf(specification, { host, listen: '0.0.0.0', port: sessionPort });
  return `trap : TERM
umask 022
exec 4>&2 2>&1
fail() { printf '${words.failed}%s\\n' "$1" >&4; exit 125; }
${enterLines(specification)}if [ -L ${directory} ]; then fail 'The job directory is a link: remove .${jobId} from the workspace and start again.'; fi
[ -d ${directory} ] || mkdir -m 700 ${directory} || fail 'The job directory cannot be made in the workspace; its disk may be full.'
set -C
{ echo ${specification.launchKey} > ${directory}/${startMarkName}; } 2> /dev/null || {
  [ ! -e ${directory}/${startMarkName} ] || fail 'The container was started a second time.'
  fail 'The job directory cannot be written to.'
}
rm -rf -- ${stale} || fail 'The job directory cannot be cleared.'
${fileLines(specification)}SHELL=/bin/sh
[ ! -x /bin/bash ] || SHELL=/bin/bash
export PATH="\${PATH:-/usr/local/bin:/usr/bin:/bin}" SHELL ${assignments(environment)}
unset OLDPWD
command -v -- ${quote(program ?? '')} > /dev/null || fail ${quote(`The program ${(program ?? '').replaceAll(/[^\x20-\x7e]/g, '?')} is not in the image, or its account may not run it.`)}
exec 2>&4 4>&-
( exec ${line} ) < /dev/null 2>&1
code=$?
kill -s KILL -- -1 2> /dev/null
[ $code -le 128 ] || echo ${words.ended} >&2
exit $code
`;
}

/** What the container runs, and its environment: the script travels in variables that it unsets, so that no command line shows it. */
export function startOf(
  specification: LaunchSpecification,
  host: string,
): { readonly entrypoint: readonly string[]; readonly environment: readonly string[] } {
  const script = startScript(specification, host);
  if (Buffer.byteLength(script) > mostBytes) {
    const message = `The files, environment and arguments of the job are larger than ${mostBytes} bytes, which a container cannot be given.`;
    throw new AdapterError('invalid', message, { field: 'files' });
  }
  const pieces: string[] = [];
  for (let rest = [...script]; rest.length > 0; rest = rest.slice(pieceCharacters)) {
    pieces.push(rest.slice(0, pieceCharacters).join(''));
  }
  const names = pieces.map((_, index) => `UWS_START_${index}`);
  const all = names.map((name) => `$${name}`).join('');
  return {
    entrypoint: ['/bin/sh', '-c', `set -- "${all}"; unset ${names.join(' ')}; eval "$1"`],
    environment: pieces.map((piece, index) => `UWS_START_${index}=${piece}`),
  };
}
