import type { Resource } from '@user-workspaces/contract';
import type { Configuration } from '../configuration/configuration.js';
import type { ClientToken } from '../data-directory/client-token.js';
import type { SignInLink } from './first-user.js';

/** What the start has to tell. */
export interface Announcement {
  readonly version: string;
  /** Without a trailing slash. */
  readonly publicUrl: string;
  readonly configuration: Configuration;
  readonly file: string | undefined;
  readonly clientToken: ClientToken;
  readonly clientTokenFile: string;
  readonly signIn: SignInLink;
  readonly jobTypes: ReadonlyMap<string, { readonly name: string }>;
  readonly resource: Pick<Resource, 'capabilities'>;
  /** Only one user may sign in. */
  readonly singleUser: boolean;
}

/** Words in bold and dim, or as they are. */
export interface Ink {
  bold(text: string): string;
  dim(text: string): string;
}

export const plainInk: Ink = { bold: (text) => text, dim: (text) => text };

/** Escape sequences only for a terminal that wants them. */
export function inkFor(stream: { readonly isTTY?: boolean }, environment: NodeJS.ProcessEnv): Ink {
  if (stream.isTTY !== true || environment.NO_COLOR || environment.TERM === 'dumb') return plainInk;
  return { bold: (text) => `\u001b[1m${text}\u001b[22m`, dim: (text) => `\u001b[2m${text}\u001b[22m` };
}

const accountsText: Readonly<Record<Configuration['accounts'], string>> = {
  reserved: 'run as unprivileged accounts reserved for this server, one per user',
  system: "run as the system's account of the user's name",
  own: "run as the server's own account",
};

/** What the start prints, for people. */
export function renderAnnouncement(announcement: Announcement, ink: Ink): string {
  const { configuration, signIn, clientToken, clientTokenFile, resource } = announcement;
  const { limits } = resource.capabilities;
  const rows: [string, ...string[]][] = [
    ['Address', ink.bold(`${announcement.publicUrl}/`)],
    signIn.kind === 'link'
      ? [
          'Sign in',
          ink.bold(signIn.url),
          ink.dim(
            `signs in ${signIn.username}; whoever has the link can, until ${new Date(signIn.expiresAtMs).toISOString().slice(0, 10)}`,
          ),
        ]
      : ['Sign in', ink.dim(`no link: ${signIn.reason}`)],
    ['Client token', ...clientTokenLines(clientToken, clientTokenFile, ink)],
    ['Data', configuration.data_dir],
    ['Settings', announcement.file ?? 'defaults and the environment'],
    ['Job types', [...announcement.jobTypes].map(([id, { name }]) => `${id} (${name})`).join(', ')],
    [
      'Jobs',
      accountsText[configuration.accounts],
      ...(announcement.singleUser ? ['only one user may sign in; UWS_ALLOW_SHARED_ACCOUNT=true admits others'] : []),
    ],
    ['Limits', `time: ${limits.time}`, `memory: ${limits.memory}`, `CPU: ${limits.cpu}`],
  ];
  const width = Math.max(...rows.map(([label]) => label.length)) + 3;
  const lines = rows.flatMap(([label, ...values]) =>
    values.map((value, index) => `  ${ink.dim((index === 0 ? label : '').padEnd(width))}${value}`),
  );
  const ending = 'Ctrl-C stops the server; running jobs go on, and the next start finds them again.';
  return `\n${ink.bold(`User Workspaces ${announcement.version}`)}\n\n${lines.join('\n')}\n\n  ${ending}\n\n`;
}

function clientTokenLines({ value, origin }: ClientToken, file: string, ink: Ink): string[] {
  switch (origin) {
    case 'made':
      return [ink.bold(value), ink.dim(`the portal signs users in with it; shown this once, kept in ${file}`)];
    case 'kept':
      return [`kept in ${file}`];
    case 'configured':
      return ['as configured (client_token)'];
  }
}
