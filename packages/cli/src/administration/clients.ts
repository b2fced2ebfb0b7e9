import type { Schema } from '@user-workspaces/schema';
import { Command, Option } from 'commander';
import type { CommonOptions, Perform } from './perform.js';
import { more, plain, renderTable, timeText } from './table.js';
import { id, portalName, rowLimit, userArgument } from './values.js';

interface ClientListOptions extends CommonOptions {
  readonly limit: number;
  readonly order: 'id' | '-id';
  readonly cursor?: string;
}

/** `uws admin clients …` */
export function clientsCommand(perform: Perform, begin: Perform): Command {
  const list = new Command('list')
    .description('Portals that may sign their users in.')
    .option('--limit <rows>', 'rows at most, up to 1000', rowLimit, 100)
    .addOption(new Option('--order <order>', 'the oldest or the newest first').choices(['id', '-id']).default('id'))
    .option('--cursor <cursor>', 'where the list before ended')
    .action(({ limit, order, cursor, ...options }: ClientListOptions) =>
      perform(
        options,
        async ({ context, rules }) =>
          rules.listClients(context, { limit, order, ...(cursor !== undefined && { cursor }) }),
        ({ clients, next_cursor }) =>
          renderTable(
            ['ID', 'PORTAL', 'TOKEN FROM', 'SINCE (UTC)'],
            clients.map((client) => [
              String(client.id),
              plain(client.name),
              client.is_configured ? 'configuration' : 'administrator',
              timeText(client.datetime_created),
            ]),
          ) + more(next_cursor),
      ),
    );
  const add = new Command('add')
    .description('Let a portal sign its users in. Its client token is printed now and never again.')
    .argument('<portal>', 'name of the portal', portalName)
    .action((name: string, options: CommonOptions) =>
      begin(
        options,
        async ({ context, actor, rules }) => rules.createClient(context, actor, name),
        ({ client_token }) => `${client_token}\n`,
      ),
    );
  const rotate = new Command('rotate')
    .description(
      'Give a portal a new client token, printed now and never again; the former one stops working. Its users stay signed in (see revoke-sign-ins).',
    )
    .argument('<portal>', 'name of the portal')
    .action((name: string, options: CommonOptions) =>
      perform(
        options,
        async ({ context, actor, rules }) =>
          rules.rotateClient(context, actor, await rules.findClientId(context, name)),
        ({ client_token }) => `${client_token}\n`,
      ),
    );
  const remove = new Command('remove')
    .description("Refuse a portal from now on. Its users' tokens stay good (see revoke-sign-ins).")
    .argument('<portal>', 'name of the portal')
    .action((name: string, options: CommonOptions) =>
      perform(
        options,
        async ({ context, actor, rules }) => {
          await rules.deleteClient(context, actor, await rules.findClientId(context, name));
          return { name };
        },
        () => `Removed: ${plain(name)}\n`,
      ),
    );
  const revoke = new Command('revoke-sign-ins')
    .description(
      'Revoke all tokens that a portal has signed in; what they have opened ends. After a leak of its client token, which is to be changed first.',
    )
    .argument('<portal>', 'name of the portal, or the id as client:2, also of a removed one')
    .option('--since <time>', 'only what was signed in not before, such as "2026-11-23 09:00" (UTC)')
    .action((name: string, { since, ...options }: CommonOptions & { readonly since?: string }) =>
      perform(
        options,
        async ({ context, actor, rules }) =>
          rules.revokeSignIns(context, actor, await rules.findClientId(context, name), since),
        revokedText,
      ),
    );
  return new Command('clients')
    .description('Portals and their client tokens.')
    .addCommand(list)
    .addCommand(add)
    .addCommand(rotate)
    .addCommand(remove)
    .addCommand(revoke);
}

function revokedText({ revoked, users, undetermined }: Schema<'RevokedSignInsAnswer'>['data']): string {
  const done = `Revoked: ${revoked} (of ${users} ${users === 1 ? 'user' : 'users'})\n`;
  if (undetermined === 0) return done;
  return `${done}Not revoked: ${undetermined} sign-ins from before the upgrade to this release, of which was not kept which portal they are from. "uws admin audit --action sign_in" tells what it knows of them; "uws admin tokens revoke" ends them.\n`;
}

/** `uws admin tokens …` */
export function tokensCommand(perform: Perform): Command {
  const list = new Command('list')
    .description("A user's tokens, never their values.")
    .argument('<user>', userArgument)
    .action((username: string, options: CommonOptions) =>
      perform(
        options,
        async ({ context, rules }) => rules.listUserTokens(context, await rules.findUserId(context, username)),
        ({ tokens }) =>
          renderTable(
            ['ID', 'MADE BY', 'MADE (UTC)', 'EXPIRES (UTC)', 'LAST USED (UTC)'],
            tokens.map((token) => [
              String(token.id),
              plain(token.name),
              timeText(token.datetime_created),
              timeText(token.datetime_expires),
              timeText(token.datetime_last_used),
            ]),
          ),
      ),
    );
  const revoke = new Command('revoke')
    .description("Revoke one of a user's tokens, or all; what they have opened ends.")
    .argument('<user>', userArgument)
    .argument('[token]', 'id of the token; all without it', id)
    .action((username: string, tokenId: number | undefined, options: CommonOptions) =>
      perform(
        options,
        async ({ context, actor, rules }) => {
          const userId = await rules.findUserId(context, username);
          return { revoked: await rules.revokeUserTokens(context, actor, userId, tokenId ?? 'all') };
        },
        ({ revoked }) => `Revoked: ${revoked.length}\n`,
      ),
    );
  return new Command('tokens').description('Sign-ins of users.').addCommand(list).addCommand(revoke);
}
