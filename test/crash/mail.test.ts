// The mail server takes connections and never says a word: shares are made all the same, nothing else waits, and every mail is sent when it is back.
import { dirname } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RunningServer, removeDirectory, startServer } from '../support/server.js';
import { signIn, type User } from '../support/users.js';
import { until } from './invariants.js';
import { type MailServer, openMailServer } from './storm/mail-server.js';

/** More than the server works on at once. */
const shares = 20;

let mail: MailServer;
let server: RunningServer;
let ada: User;
let ben: User;
beforeAll(async () => {
  mail = await openMailServer();
  server = await startServer({ env: { UWS_SMTP_URL: mail.url, UWS_MAIL_FROM: 'workspaces@example.org' } });
  [ada, ben] = await Promise.all([signIn(server, 'ada'), signIn(server, 'ben')]);
});
afterAll(async () => {
  await server.stop();
  await mail.close();
  await removeDirectory(dirname(server.dataDirectory));
});

const nameOf = (index: number): string => `workspace-${index}.`;

test('a mail server that hangs holds up nothing but mail', { timeout: 180_000 }, async () => {
  mail.hang();
  const { id: benId } = await ben.client.me();
  for (let index = 0; index < shares; index++) {
    const workspace = await ada.client.workspaces.create({ name: nameOf(index), description: '' });
    await ada.client.shares.create({ original_workspace_id: workspace.id, shared_user_ids: [benId] });
  }
  await until('the mail server is asked', async () => (mail.kept > 0 ? true : undefined), 30_000);
  for await (const share of ben.client.shares.list()) await ben.client.shares.accept(share.shared_workspace_id.id);
  await until(
    'all are copied',
    async () => {
      const { items } = await ben.client.workspaces.list({ limit: 100 });
      return items.length === shares && items.every(({ status }) => status === 'idle') ? true : undefined;
    },
    10_000,
  );
  const other = await ada.client.workspaces.create({ name: 'other', description: '' });
  await ada.client.workspaces.delete(other.id);
  await until(
    'a deletion',
    async () => ((await ada.client.workspaces.list({ name: 'other' })).items.length === 0 ? true : undefined),
    10_000,
  );

  mail.recover();
  await until(
    'every mail',
    async () => {
      const isTold = (index: number): boolean => mail.mails.some((text) => text.includes(`"${nameOf(index)}"`));
      return Array.from({ length: shares }, (_, index) => index).every(isTold) ? true : undefined;
    },
    120_000,
  );
  expect(mail.mails).toHaveLength(shares);
});
