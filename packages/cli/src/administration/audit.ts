import { type Schema, schemas } from '@user-workspaces/schema';
import { Command, Option } from 'commander';
import type { CommonOptions, Perform } from './perform.js';
import { more, plain, renderTable, timeText } from './table.js';
import { rowLimit } from './values.js';

interface AuditOptions extends CommonOptions {
  readonly user?: string;
  readonly action?: Schema<'AuditAction'>;
  readonly outcome?: Schema<'AuditOutcome'>;
  readonly subject?: string;
  readonly from?: string;
  readonly until?: string;
  readonly limit: number;
  readonly cursor?: string;
}

/** `uws admin audit` */
export function auditCommand(perform: Perform): Command {
  return new Command('audit')
    .description('Who did what to what, from where and when; the newest first.')
    .option('--user <user>', 'only what this user did')
    .addOption(new Option('--action <action>', 'only this').choices(schemas.AuditAction.options))
    .addOption(new Option('--outcome <outcome>', 'only these').choices(schemas.AuditOutcome.options))
    .option('--subject <kind:id>', 'only what was done to this, such as workspace:7')
    .option('--from <time>', 'not before, such as "2026-11-23 09:00" (UTC) or 2026-11-23T10:00:00+01:00')
    .option('--until <time>', 'before')
    .option('--limit <rows>', 'rows at most, up to 1000', rowLimit, 50)
    .option('--cursor <cursor>', 'where the list before ended')
    .action((options: AuditOptions, command: Command) => {
      const { user, action, outcome, from, until, limit, cursor } = options;
      const subject = subjectOf(options.subject, command);
      return perform(
        options,
        async ({ context, rules }) =>
          rules.listAudit(context, {
            limit,
            ...subject,
            ...(user !== undefined && { actor_user_id: await rules.findUserId(context, user) }),
            ...(action && { action }),
            ...(outcome && { outcome }),
            ...(from !== undefined && { from }),
            ...(until !== undefined && { until }),
            ...(cursor !== undefined && { cursor }),
          }),
        ({ entries, next_cursor }) => entriesTable(entries) + more(next_cursor),
      );
    });
}

function subjectOf(
  text: string | undefined,
  command: Command,
): { subject_kind?: Schema<'AuditSubjectKind'>; subject_id?: number } {
  if (text === undefined) return {};
  const [kind, id = '', ...rest] = text.split(':');
  const subject_kind = schemas.AuditSubjectKind.options.find((known) => known === kind);
  if (!subject_kind || !/^\d{1,15}$/.test(id) || rest.length > 0) {
    command.error(
      `error: --subject is "${text}"; it must be one of ${schemas.AuditSubjectKind.options.join(', ')}, a colon and an id`,
    );
  }
  return { subject_kind, subject_id: Number(id) };
}

function entriesTable(entries: readonly Schema<'AuditEntry'>[]): string {
  return renderTable(
    ['TIME (UTC)', 'WHO', 'FROM', 'ACTION', 'OUTCOME', 'SUBJECT', 'DETAILS'],
    entries.map((entry) => [
      timeText(entry.datetime),
      plain(entry.actor.kind === 'user' ? entry.actor.name : `(${entry.actor.kind}) ${entry.actor.name ?? ''}`.trim()),
      plain(entry.address),
      entry.action,
      entry.outcome,
      entry.subject_kind === null ? '' : `${entry.subject_kind}:${entry.subject_id ?? ''}`,
      plain(JSON.stringify(entry.details)),
    ]),
  );
}

/** `uws admin directory …` */
export function directoryCommand(perform: Perform): Command {
  const text = ({ directory: { is_open, source } }: Schema<'DirectoryAnswer'>['data']): string =>
    `The directory is ${is_open ? 'open' : 'closed'} (${source === 'configuration' ? 'as configured' : 'set by an administrator'}).\n`;
  const set = (name: string, description: string, isOpen: boolean | null): Command =>
    new Command(name)
      .description(description)
      .action((options: CommonOptions) =>
        perform(
          options,
          async ({ context, actor, rules }) => ({ directory: await rules.setDirectory(context, actor, isOpen) }),
          text,
        ),
      );
  const show = new Command('show')
    .description('Whether it is open, and who decided that.')
    .action((options: CommonOptions) =>
      perform(options, async ({ context, rules }) => ({ directory: await rules.readDirectory(context) }), text),
    );
  return new Command('directory')
    .description('Whether users may list everybody.')
    .addCommand(show)
    .addCommand(set('open', 'Let users list everybody.', true))
    .addCommand(set('close', 'Let users find only whose user name, or beginning of name or e-mail, they know.', false))
    .addCommand(set('reset', 'As configured (open_directory).', null));
}
