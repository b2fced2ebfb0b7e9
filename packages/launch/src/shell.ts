import type { LaunchSpecification } from '@user-workspaces/contract';

/** A shell word with exactly this value: between single quotes nothing has a meaning. */
export function quote(value: string): string {
  return `'${value.replaceAll("'", `'\\''`)}'`;
}

/**
 * Lines of a start script that write the files of a job into its directory, as the account: root never writes where the account could have put a link. The script
 * has entered the workspace, made the directory, and a function `fail` that takes a sentence.
 */
export function fileLines({ jobId, files }: Pick<LaunchSpecification, 'jobId' | 'files'>): string {
  const lines = files.map(({ name, content, mode }) => {
    const path = quote(`./.${jobId}/${name}`);
    const octal = mode.toString(8).padStart(4, '0');
    return `{ printf '%s' ${quote(content)} > ${path} && chmod ${octal} ${path}; } || fail 'A file of the job cannot be written to its directory; the disk of the workspace may be full.'\n`;
  });
  return `set -C\n${lines.join('')}set +C\n`;
}

/**
 * Why a job cannot begin in its workspace, in words and as the exit code of a start script whose words reach nobody. Accounts alone must not be blamed: a directory
 * that was moved or removed, or is not mounted, is not there for anybody.
 */
export const workspaceProblems = {
  missing: {
    code: 123,
    message: 'The directory of the workspace is not there: it was moved or removed, or is not mounted.',
  },
  closed: { code: 124, message: 'The account of the job may not enter the workspace.' },
} as const;

/** Lines of a start script that enter the workspace. The script has a function `fail` that takes a sentence, and maybe an exit code. */
export function enterLines({ workspacePath }: Pick<LaunchSpecification, 'workspacePath'>): string {
  const path = quote(workspacePath.replace(/(?<=.)\/+$/, ''));
  const { missing, closed } = workspaceProblems;
  // What lies in a directory that the account may not search looks to it as if it were not there.
  return `cd -- ${path} || {
  uws_path=${path}
  until [ -d "$uws_path" ]; do uws_path=\${uws_path%/*}; [ -n "$uws_path" ] || uws_path=/; done
  if [ "$uws_path" != ${path} ] && [ -x "$uws_path" ]; then fail ${quote(missing.message)} ${missing.code}; fi
  fail ${quote(closed.message)} ${closed.code}
}
`;
}

/** What follows `export` in a start script. */
export function assignments(environment: Readonly<Record<string, string>>): string {
  return Object.entries(environment)
    .map(([name, value]) => `${name}=${quote(value)}`)
    .join(' ');
}
