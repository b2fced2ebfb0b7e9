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

/** What follows `export` in a start script. */
export function assignments(environment: Readonly<Record<string, string>>): string {
  return Object.entries(environment)
    .map(([name, value]) => `${name}=${quote(value)}`)
    .join(' ');
}
