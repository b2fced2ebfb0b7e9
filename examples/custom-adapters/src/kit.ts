// The adapters of this example with the worlds that the test kit tries them in: `uws-testkit dist/kit.js` prints what they keep.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type AccountMappingCapability,
  type AccountMappingWorld,
  type AdapterUnderTest,
  type AuthenticationCapability,
  type AuthenticationWorld,
  accountMappingSuite,
  authenticationSuite,
  databaseSuite,
  defineAdapters,
  type JobTypeCapability,
  type JobTypeWorld,
  jobTypeSuite,
  type PersonWhoSignsIn,
  type ResourceCapability,
  type ResourceWorld,
  resourceSuite,
  storageSuite,
} from '@user-workspaces/testkit';
import { createFixedAccounts } from './fixed-accounts.js';
import { greetingJob } from './greeting-job.js';
import { createHeaderAuthentication } from './header-authentication.js';
import { createHttpRunnerResource } from './http-runner/resource.js';
import { journalDatabase } from './journal-database/world.js';
import { volumes } from './volumes/world.js';

const personOfHeaders = (username: string): PersonWhoSignsIn => ({
  signIn: { body: {}, headers: { 'x-remote-user': username, 'x-remote-email': `${username}@x.org` } },
  identity: { username, email: `${username}@x.org`, firstName: '', lastName: '' },
});

export const headerAuthentication: AdapterUnderTest<AuthenticationWorld, AuthenticationCapability> = {
  name: 'sign-in by the headers of a reverse proxy',
  open: async () => ({
    authentication: createHeaderAuthentication(),
    people: [personOfHeaders('ada'), personOfHeaders('bob')],
    credentials: ['headers.x-remote-user', 'headers.x-remote-email'],
    failures: [
      { body: {}, kind: 'refused' },
      { body: { client_token: 'wrong', user_info: { username: 'ada', email: 'ada@x.org' } }, kind: 'refused' },
    ],
    close: async () => {},
  }),
  differences: {
    changed_secret: 'The proxy keeps the secrets of people; this adapter never sees one.',
    cut_off: 'The proxy has asked already; nothing else is.',
    own_secrets: 'The proxy vouches for everybody whom it names.',
    unforgeable: 'The headers hold no secret: that the proxy set them, and removed what a client sent, is the proof.',
  },
};

const personOfPortal = (username: string, clientToken: string): PersonWhoSignsIn => ({
  signIn: { body: { client_token: clientToken, user_info: { username, email: `${username}@x.org` } } },
  identity: { username, email: `${username}@x.org`, firstName: '', lastName: '' },
});

/** The same adapter, as programs of a portal use it. */
export const portalAuthentication: AdapterUnderTest<AuthenticationWorld, AuthenticationCapability> = {
  name: 'sign-in by a portal behind a reverse proxy',
  async open() {
    let clientToken = 'first-token-of-the-portal';
    return {
      authentication: createHeaderAuthentication(),
      get clientToken() {
        return clientToken;
      },
      people: [personOfPortal('ada', clientToken), personOfPortal('bob', clientToken)],
      credentials: ['body.client_token'],
      failures: [
        { body: { client_token: clientToken, user_info: { username: 'a/b', email: 'a@x.org' } }, kind: 'refused' },
      ],
      // As when the operator gives the portal another token.
      async changeSecret() {
        clientToken = 'another-token-of-the-portal';
        return personOfPortal('ada', clientToken).signIn;
      },
      close: async () => {},
    };
  },
  differences: {
    cut_off: 'The look-up of client tokens is the server’s.',
    own_secrets: 'The client token is the portal’s, which vouches for all of its users.',
  },
};

const uids = { ada: 2001, bob: 2002, cy: 2003, dan: 2004, eve: 2005, fay: 2006 };

export const fixedAccounts: AdapterUnderTest<AccountMappingWorld, AccountMappingCapability> = {
  name: 'accounts from a list',
  open: async () => ({
    accounts: createFixedAccounts(uids),
    reopen: async () => createFixedAccounts(uids),
    people: Object.keys(uids),
    stranger: 'gus',
    close: async () => {},
  }),
  differences: { makes_missing: 'The list is the operator’s.', cut_off: 'The list is in memory.' },
};

export const greeting: AdapterUnderTest<JobTypeWorld, JobTypeCapability> = {
  name: 'a job that greets',
  open: async () => ({
    kind: greetingJob,
    details: { greeting: 'Hello' },
    rightDetails: [{}],
    mistakes: [
      { details: { greeting: 7 }, key: 'greeting' },
      { details: {}, key: 'greeting' },
    ],
    close: async () => {},
  }),
  differences: { refuses_details: 'It reads nothing of job_details: whom it greets, the server says.' },
};

const isRoot = process.getuid?.() === 0;
const uid = isRoot ? 12345 : (process.getuid?.() ?? 0);
const gid = isRoot ? 12345 : (process.getgid?.() ?? 0);

/** Starts a runner as the account, on a port of its own, with a workspace. */
async function openRunner(): Promise<ResourceWorld> {
  const root = await mkdtemp(join(tmpdir(), 'uws-runner-'));
  await chmod(root, 0o755);
  const [workspacePath, logs] = [join(root, 'workspace'), join(root, 'logs')];
  for (const directory of [workspacePath, logs]) {
    await mkdir(directory);
    if (isRoot) await chown(directory, uid, gid);
  }
  // A copy that the account can read, wherever this package is installed.
  const program = join(root, 'runner.mjs');
  await copyFile(fileURLToPath(new URL('../dist/http-runner/runner.js', import.meta.url)), program).catch(() =>
    copyFile(fileURLToPath(new URL('./http-runner/runner.js', import.meta.url)), program),
  );
  await chmod(program, 0o644);
  const runner = spawn(process.execPath, [program, '0', logs], {
    stdio: ['ignore', 'pipe', 'inherit'],
    ...(isRoot && { uid, gid }),
  });
  const [line] = await once(runner.stdout, 'data');
  const url = `http://127.0.0.1:${String(line).trim()}`;
  const reopen = async () => createHttpRunnerResource({ name: 'runner', url, uid });
  return {
    resource: await reopen(),
    reopen,
    account: { name: 'ada', uid, gid },
    workspacePath,
    node: process.execPath,
    async close() {
      runner.kill('SIGTERM');
      if (runner.exitCode === null) await once(runner, 'exit');
      await rm(root, { recursive: true });
    },
  };
}

export const httpRunner: AdapterUnderTest<ResourceWorld, ResourceCapability> = {
  name: 'jobs over an HTTP runner',
  open: openRunner,
  differences: {
    cut_off: 'The runner listens as long as it lives.',
    extend: 'The runner has no request for it.',
    memory_limit: 'The runner limits no memory.',
    push: 'The runner is asked.',
    request_count: 'The runner does not count.',
    sessions: 'The runner verifies no ports.',
    steps: 'Each call is one request.',
  },
};

export default [
  ...defineAdapters(authenticationSuite, headerAuthentication, portalAuthentication),
  ...defineAdapters(accountMappingSuite, fixedAccounts),
  ...defineAdapters(storageSuite, volumes),
  ...defineAdapters(databaseSuite, journalDatabase),
  ...defineAdapters(jobTypeSuite, greeting),
  ...defineAdapters(resourceSuite, httpRunner),
];
