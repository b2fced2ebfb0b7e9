import type { LaunchSpecification } from '@user-workspaces/contract';
import { assignments, enterLines, fileLines, jobDirectoryOf, quote } from '@user-workspaces/launch';

/**
 * The script that the account's shell reads from its standard input once all privileges are gone: it makes the job directory
 * and its files, sets the environment and becomes the job. So root never writes where the account could have put a link, no value
 * is seen by root's shell, and no secret stands in a command line.
 *
 * Descriptor 4 tells the supervisor how far it came: a sentence, or `ok`, for which it waits where the disk is full.
 */
export function startScript(specification: LaunchSpecification, environment: Readonly<Record<string, string>>): string {
  const { workspacePath, jobId, files } = specification;
  const jobDirectory = jobDirectoryOf(workspacePath, jobId);
  const directory = `./.${jobId}`;
  const command = specification.command.map((part, index) =>
    index === 0 ? part : part.replaceAll('{job_directory}', jobDirectory),
  );
  const program = command[0]?.replaceAll('{job_directory}', jobDirectory) ?? '';
  const words = [program, ...command.slice(1)].map(quote).join(' ');
  const stale = ['session', ...files.map(({ name }) => name)].map((name) => quote(`${directory}/${name}`)).join(' ');
  return `umask 022
fail() { until printf '%s\\n' "$1" >&4; do sleep 0.5; done 2> /dev/null; exit 125; }
${enterLines(specification)}if [ -L ${directory} ]; then fail 'The job directory is a link: remove .${jobId} from the workspace and start again.'; fi
if [ -d ${directory} ]; then rm -rf -- ${stale} || fail 'The job directory cannot be cleared.'
else mkdir -m 700 ${directory} || fail 'The job directory cannot be made in the workspace; its disk may be full.'; fi
${fileLines(specification)}export ${assignments(environment)}
unset OLDPWD
command -v -- ${quote(program)} > /dev/null || fail ${quote(`The program ${program.replaceAll(/[^\x20-\x7e]/g, '?')} was not found, or its account may not run it.`)}
until echo ok >&4; do sleep 0.5; done 2> /dev/null
exec ${words} < /dev/null 4>&-
`;
}
