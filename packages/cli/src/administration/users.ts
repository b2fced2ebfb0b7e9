import type { Schema } from '@user-workspaces/schema';
import { Argument, Command } from 'commander';
import type { CommonOptions, Perform } from './perform.js';
import { bytesText, more, plain, renderFacts, renderTable, timeText } from './table.js';
import { coreHours, diskSpace, rowLimit, userArgument, type WrittenQuota, wholeNumber } from './values.js';

type Details = Schema<'AdminUserAnswer'>['data'];

/** `uws admin users …` */
export function usersCommand(perform: Perform, begin: Perform): Command {
  return new Command('users')
    .description('Users, their roles and quotas.')
    .addCommand(listCommand(perform))
    .addCommand(showCommand(perform))
    .addCommand(addCommand(begin))
    .addCommand(removeCommand(perform))
    .addCommand(deactivateCommand(perform))
    .addCommand(reactivateCommand(perform))
    .addCommand(quotaCommand(perform))
    .addCommand(roleCommand(perform))
    .addCommand(emailCommand(perform));
}

interface ListOptions extends CommonOptions {
  readonly search?: string;
  readonly inactive?: true;
  readonly administrators?: true;
  readonly limit: number;
  readonly cursor?: string;
}

function listCommand(perform: Perform): Command {
  return new Command('list')
    .description('All users.')
    .option('--search <text>', 'part of the name or e-mail, or the whole user name')
    .option('--inactive', 'only those who were deactivated')
    .option('--administrators', 'only administrators')
    .option('--limit <rows>', 'rows at most, up to 1000', rowLimit, 100)
    .option('--cursor <cursor>', 'where the list before ended')
    .action((options: ListOptions) => {
      const { search, inactive, administrators, limit, cursor } = options;
      const query = {
        limit,
        ...(search !== undefined && { search }),
        ...(inactive && { is_active: false }),
        ...(administrators && { role: 'administrator' as const }),
        ...(cursor !== undefined && { cursor }),
      };
      return perform(
        options,
        async ({ context, rules }) => rules.listUsers(context, query),
        ({ users, next_cursor }) => usersTable(users) + more(next_cursor),
      );
    });
}

function usersTable(users: readonly Schema<'AdminUser'>[]): string {
  return renderTable(
    ['ID', 'USER', 'NAME', 'E-MAIL', 'ROLE', 'STATE', 'DISK', 'CORE HOURS'],
    users.map((user) => [
      String(user.id),
      plain(user.username),
      plain(`${user.first_name} ${user.last_name}`.trim()),
      plain(user.email),
      user.role,
      user.is_active ? 'active' : 'deactivated',
      bytesText(user.disk_space),
      user.core_hours.toFixed(2),
    ]),
  );
}

function showCommand(perform: Perform): Command {
  return new Command('show')
    .description('One user, with limits and use.')
    .argument('<user>', userArgument)
    .action((username: string, options: CommonOptions) =>
      perform(
        options,
        async ({ context, rules }) => rules.getUser(context, await rules.findUserId(context, username)),
        userText,
      ),
    );
}

interface AddOptions extends CommonOptions {
  readonly email: string;
  readonly firstName: string;
  readonly lastName: string;
  readonly administrator?: true;
}

function addCommand(perform: Perform): Command {
  return new Command('add')
    .description('Make a user before the first sign-in.')
    .argument('<user>', 'user name, as the sign-in will tell it')
    .requiredOption('--email <address>', 'e-mail, as the sign-in will tell it')
    .option('--first-name <name>', '', '')
    .option('--last-name <name>', '', '')
    .option('--administrator', 'with the role of an administrator')
    .action((username: string, options: AddOptions) => {
      const { email, firstName, lastName, administrator } = options;
      return perform(
        options,
        async ({ context, actor, rules, isForOneUser }) => {
          const identity = { username, email, firstName, lastName };
          const added = await rules.addUser(context, actor, identity, administrator ? 'administrator' : 'user');
          if (isForOneUser) {
            const { users } = await rules.listUsers(context, { limit: 1 });
            process.stderr.write(onlyUserNote(added.user, users[0]?.username ?? username));
          }
          return added;
        },
        userText,
      );
    });
}

/** What whoever adds a user must know where only the first one may sign in. */
function onlyUserNote({ username, email }: Schema<'AdminUser'>, first: string): string {
  const rule = 'This server runs all jobs under one account, so only its first user may sign in';
  const others = 'UWS_ALLOW_SHARED_ACCOUNT=true, or a server that runs as root, admits others.';
  if (first !== username) return `Note: ${rule}: ${plain(first)}, and not ${username}. ${others}\n`;
  const link = `With UWS_FIRST_USER=${username} and UWS_FIRST_USER_EMAIL=${email} the start prints a sign-in link for this user, else for none.`;
  return `Note: ${rule}: from now on ${username}. ${link} "uws admin users remove ${username}" takes it back. ${others}\n`;
}

function removeCommand(perform: Perform): Command {
  return new Command('remove')
    .description('Remove a user who has no workspaces, jobs or shares, such as one added by mistake.')
    .argument('<user>', userArgument)
    .action((username: string, options: CommonOptions) =>
      perform(
        options,
        async ({ context, actor, rules }) =>
          rules.removeUser(context, actor, await rules.findUserId(context, username)),
        ({ user }) => `Removed: ${plain(user.username)}\n`,
      ),
    );
}

function deactivateCommand(perform: Perform): Command {
  return new Command('deactivate')
    .description("Keep a user out: sign-ins, tokens, open streams and the user's way into sessions end. Jobs go on.")
    .argument('<user>', userArgument)
    .option('--stop-jobs', "stop the user's jobs, too")
    .action((username: string, options: CommonOptions & { readonly stopJobs?: true }) =>
      perform(
        options,
        async ({ context, actor, rules }) =>
          rules.deactivateUser(context, actor, await rules.findUserId(context, username), options.stopJobs ?? false),
        userText,
      ),
    );
}

function reactivateCommand(perform: Perform): Command {
  return new Command('reactivate')
    .description('Let a user in again, after a new sign-in.')
    .argument('<user>', userArgument)
    .action((username: string, options: CommonOptions) =>
      perform(
        options,
        async ({ context, actor, rules }) =>
          rules.reactivateUser(context, actor, await rules.findUserId(context, username)),
        userText,
      ),
    );
}

interface QuotaOptions extends CommonOptions {
  readonly diskSpace?: WrittenQuota;
  readonly coreHours?: WrittenQuota;
  readonly activeJobs?: WrittenQuota;
  readonly workspaces?: WrittenQuota;
}

function quotaCommand(perform: Perform): Command {
  return new Command('set-quota')
    .description('Give a user quotas of their own: a number, "none", or "default" for what is configured.')
    .argument('<user>', userArgument)
    .option('--disk-space <bytes>', 'over all workspaces, such as 500M, 20G, 1T', diskSpace)
    .option('--core-hours <hours>', 'of all jobs ever', coreHours)
    .option('--active-jobs <count>', 'jobs at one time', wholeNumber)
    .option('--workspaces <count>', '', wholeNumber)
    .action((username: string, options: QuotaOptions, command: Command) => {
      const { diskSpace: disk, coreHours: hours, activeJobs, workspaces } = options;
      const changes = {
        ...(disk !== undefined && { disk_space: asked(disk) }),
        ...(hours !== undefined && { core_hours: asked(hours) }),
        ...(activeJobs !== undefined && { active_jobs: asked(activeJobs) }),
        ...(workspaces !== undefined && { workspaces: asked(workspaces) }),
      };
      if (Object.keys(changes).length === 0) command.error('error: name at least one quota to set');
      return perform(
        options,
        async ({ context, actor, rules }) =>
          rules.setQuotas(context, actor, await rules.findUserId(context, username), changes),
        userText,
      );
    });
}

/** As the API has it. */
function asked(quota: WrittenQuota): number | null | 'default' {
  return quota === 'none' ? null : quota;
}

function roleCommand(perform: Perform): Command {
  return new Command('set-role')
    .description('Make a user an administrator, or an ordinary user again.')
    .argument('<user>', userArgument)
    .addArgument(new Argument('<role>').choices(['user', 'administrator']))
    .action((username: string, role: Schema<'Role'>, options: CommonOptions) =>
      perform(
        options,
        async ({ context, actor, rules }) =>
          rules.setRole(context, actor, await rules.findUserId(context, username), role),
        userText,
      ),
    );
}

function emailCommand(perform: Perform): Command {
  return new Command('set-email')
    .description('Change the e-mail that a user signs in with; the former one is refused from then on.')
    .argument('<user>', userArgument)
    .argument('<address>', 'as the sign-in will tell it')
    .action((username: string, email: string, options: CommonOptions) =>
      perform(
        options,
        async ({ context, actor, rules }) =>
          rules.setEmail(context, actor, await rules.findUserId(context, username), email),
        userText,
      ),
    );
}

function userText({ user, quotas }: Details): string {
  const name = `${user.first_name} ${user.last_name}`.trim();
  const state = user.is_active ? 'active' : `deactivated since ${timeText(user.datetime_deactivated)} UTC`;
  const facts = renderFacts({
    User: `${plain(user.username)} (id ${user.id})`,
    Name: plain(name) || '–',
    'E-mail': plain(user.email),
    Role: user.role,
    State: state,
    Since: `${timeText(user.datetime_created)} UTC`,
  });
  const shown = (scope: keyof typeof quotas, value: number): string =>
    scope === 'disk_space' ? bytesText(value) : String(Number(value.toFixed(2)));
  const scopes = ['disk_space', 'core_hours', 'active_jobs', 'workspaces'] as const;
  const table = renderTable(
    ['QUOTA', 'USED', 'LIMIT', ''],
    scopes.map((scope) => {
      const { limit, used } = quotas[scope];
      return [
        scope,
        shown(scope, used),
        limit === null ? 'none' : shown(scope, limit),
        user.own_quotas[scope] === 'default' ? 'default' : 'own',
      ];
    }),
  );
  return `${facts}\n${table}`;
}
