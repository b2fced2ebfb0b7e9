import { once } from 'node:events';
import { dirname } from 'node:path';
import { UserWorkspaces } from '@user-workspaces/client';
import { SMTPServer } from 'smtp-server';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { freePort, type RunningServer, removeDirectory, startServer } from '../support/server.js';

const isRoot = process.getuid?.() === 0;
let server: RunningServer;
let smtp: SMTPServer;
let smtpPort: number;
/** Mails as they came; while `isBroken` the mail server refuses them. */
let mails: string[];
let isBroken: boolean;

beforeEach(async () => {
  mails = [];
  isBroken = false;
  smtpPort = await freePort();
  smtp = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onData(stream, _session, done) {
      let text = '';
      stream.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      stream.on('end', () => {
        if (isBroken) return done(new Error('The disk of the mail server is full.'));
        mails.push(text);
        done();
      });
    },
  });
  const listening = smtp.listen(smtpPort, '127.0.0.1');
  await once(listening, 'listening');
  server = await startServer({
    env: {
      UWS_SMTP_URL: `smtp://127.0.0.1:${smtpPort}`,
      UWS_MAIL_FROM: 'workspaces@example.org',
      ...(isRoot ? {} : { UWS_ALLOW_SHARED_ACCOUNT: 'true' }),
    },
  });
});

afterEach(async () => {
  await server.stop();
  await new Promise<void>((resolve) => smtp.close(() => resolve()));
  await removeDirectory(dirname(server.dataDirectory));
});

async function signIn(username: string): Promise<UserWorkspaces> {
  const client = new UserWorkspaces({ baseUrl: server.baseUrl });
  const user_info = { username, email: `${username}@example.org`, first_name: username, last_name: 'Doe' };
  await client.signIn({ client_token: server.clientToken, user_info });
  return client;
}

async function shareWithBob(): Promise<{ alice: UserWorkspaces; bob: UserWorkspaces }> {
  const alice = await signIn('alice');
  const bob = await signIn('bob');
  const workspace = await alice.workspaces.create({ name: 'For\nBob', description: '' });
  const [user] = (await alice.users.search('bob@')).items;
  await alice.shares.create({ original_workspace_id: workspace.id, shared_user_ids: [user?.id ?? 0] });
  return { alice, bob };
}

test('the receiver of a share gets one e-mail', async () => {
  const { bob } = await shareWithBob();
  await vi.waitUntil(() => mails.length > 0, { timeout: 10_000 });
  expect(mails[0]).toMatch(/^To: bob@example\.org\r$/m);
  expect(mails[0]).toMatch(/^From: workspaces@example\.org\r$/m);
  expect(mails[0]).toMatch(/^Subject: alice Doe shared a workspace with you\r$/m);
  expect(mails[0]).toContain(server.baseUrl);
  expect((await bob.shares.list()).items).toHaveLength(1);
  await server.stop();
  expect(mails).toHaveLength(1);
});

test('a mail server that fails holds up nothing, and gets the mail once it works again', async () => {
  isBroken = true;
  const { bob } = await shareWithBob();
  await vi.waitUntil(async () => (await bob.shares.list()).items[0]?.shared_workspace_id !== undefined);
  const [share] = (await bob.shares.list()).items;
  const copyId = share?.shared_workspace_id.id ?? 0;
  await bob.shares.accept(copyId);
  await vi.waitUntil(async () => (await bob.workspaces.get(copyId)).status === 'idle', { timeout: 10_000 });
  expect(mails).toEqual([]);
  isBroken = false;
  await vi.waitUntil(() => mails.length > 0, { timeout: 20_000 });
});
