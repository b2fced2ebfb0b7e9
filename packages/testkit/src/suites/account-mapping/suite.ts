import assert from 'node:assert/strict';
import { type Account, type AccountMapping, AdapterError, type Identity } from '@user-workspaces/contract';
import { refused, rejectedByAbort } from '../../expectation.js';
import type { Guarantee, Suite } from '../../guarantee.js';
import type { AccountMappingCapability, AccountMappingWorld } from './world.js';

/** Some mappings make accounts of the system, one after the other. */
const timeoutMs = 120_000;

type AccountGuarantee = Guarantee<AccountMappingWorld, AccountMappingCapability>;

const person = (username: string): Identity => ({ username, email: `${username}@x.org`, firstName: '', lastName: '' });

/** Names that mean something to the system, or have power over it. */
const powerful = ['root', 'toor', 'daemon', 'bin', 'sys', 'adm', 'sudo', 'wheel', 'nobody', 'mail', 'www-data', 'sshd'];
const unsafe = [
  '',
  '.',
  '..',
  '../x',
  'a/b',
  '/etc',
  '.hidden',
  '-rf',
  'a b',
  'a\n',
  'a\0b',
  'a\\b',
  '$(id)',
  'x'.repeat(300),
  '\ud800',
];
const firstUserUid = 1000;
const overflowUids = [65_534, 65_535];

function assertSafe({ name, uid, gid, home }: Account, username: string): void {
  assert.match(name, /^[A-Za-z0-9_][A-Za-z0-9._@+-]{0,254}$/, `"${username}" got the account name "${name}".`);
  for (const id of [uid, gid]) {
    if (id === null) continue;
    const isUsers = Number.isSafeInteger(id) && id >= firstUserUid && !overflowUids.includes(id) && id < 2 ** 32 - 1;
    assert.ok(isUsers, `"${username}" got uid ${uid} and gid ${gid}, which belong to the system.`);
  }
  assert.equal(uid === null, gid === null, 'Only one of uid and gid is set.');
  if (home !== undefined) assert.ok(home.startsWith('/'), `The home "${home}" is not an absolute path.`);
}

/** Accounts of several people are apart. */
function assertApart(accounts: readonly Account[], shared: boolean): void {
  assert.equal(new Set(accounts.map(({ name }) => name)).size, accounts.length, 'Two people share an account name.');
  const uids = accounts.map(({ uid }) => uid).filter((uid) => uid !== null);
  if (!shared) assert.equal(new Set(uids).size, accounts.length, 'Two people share a uid.');
}

const resolveAll = (accounts: AccountMapping, people: readonly string[]) =>
  Promise.all(people.map((username) => accounts.resolve(person(username))));

const guarantees: readonly AccountGuarantee[] = [
  {
    id: 'account.same',
    promise: 'The same identity always gets the same account, from every instance.',
    trial:
      'An identity is asked for three times, the second time with another address and name, and by another instance.',
    timeoutMs,
    check: async ({ accounts, reopen, people: [username = ''] }) => {
      const first = await accounts.resolve(person(username));
      assertSafe(first, username);
      assert.deepEqual(await accounts.resolve(person(username)), first);
      const renamed = { username, email: 'other@x.org', firstName: 'Other', lastName: 'Name' };
      assert.deepEqual(await accounts.resolve(renamed), first, 'A changed address makes another account.');
      assert.deepEqual(await (await reopen()).resolve(person(username)), first, 'Another instance answers otherwise.');
    },
  },
  {
    id: 'account.at-once',
    promise: 'The same identity gets the same account, also when several ask at once.',
    trial: 'Twelve calls at once, by three instances, for an identity that nobody asked for before.',
    timeoutMs,
    check: async ({ accounts, reopen, people: [username = ''] }) => {
      const instances = [accounts, await reopen(), await reopen()];
      const answers = await Promise.all(
        Array.from({ length: 12 }, (_, index) => instances[index % 3]?.resolve(person(username))),
      );
      for (const answer of answers) assert.deepEqual(answer, answers[0], 'Two callers got different accounts.');
    },
  },
  {
    id: 'account.apart',
    promise: 'Two identities never share an account name, nor a uid unless `shared` says so.',
    trial: 'Several people are asked for one after the other, then by another instance in reverse.',
    timeoutMs,
    check: async ({ accounts, reopen, people }) => {
      const found: Account[] = [];
      for (const username of people) found.push(await accounts.resolve(person(username)));
      assertApart(found, accounts.shared);
      const again = await resolveAll(await reopen(), [...people].reverse());
      assert.deepEqual(again.reverse(), found);
    },
  },
  {
    id: 'account.apart-at-once',
    promise: 'Two identities never share an account, also when both are asked for at once.',
    trial: 'Several people are asked for at once, by two instances, in both orders.',
    timeoutMs,
    check: async ({ accounts, reopen, people }) => {
      const [found, reversed] = await Promise.all([
        resolveAll(accounts, people),
        resolveAll(await reopen(), [...people].reverse()),
      ]);
      assertApart(found, accounts.shared);
      assert.deepEqual(reversed.reverse(), found, 'Two instances gave different accounts.');
    },
  },
  {
    id: 'account.alike',
    promise: 'Names that are alike are not the same.',
    trial: 'Names that differ in case, by a dot, a dash or a letter, where they are accepted.',
    timeoutMs,
    check: async ({ accounts, people: [username = ''] }) => {
      const alike = [username, username.toUpperCase(), `${username}.`, `${username}-`, `${username}_`, `${username}0`];
      const found: Account[] = [];
      for (const name of new Set(alike)) {
        const account = await accounts.resolve(person(name)).catch((error: unknown) => {
          assert.ok(AdapterError.is(error), `resolve threw ${String(error)}.`);
          return undefined;
        });
        if (account) found.push(account);
      }
      assert.ok(found.length > 0);
      assertApart(found, accounts.shared);
    },
  },
  {
    id: 'account.never-system',
    promise: 'No identity gets uid 0 or an account of the system.',
    trial: 'Sign-ins under the names root, daemon, sudo, nobody and others, and under numbers.',
    timeoutMs,
    check: async ({ accounts }) => {
      for (const username of [...powerful, '0', '1000', '+0', '#0']) {
        const account = await accounts.resolve(person(username)).catch((error: unknown) => {
          const isRefused = AdapterError.is(error, 'denied') || AdapterError.is(error, 'invalid');
          assert.ok(isRefused, `resolve threw ${String(error)} for "${username}".`);
          return undefined;
        });
        if (account) assertSafe(account, username);
      }
    },
  },
  {
    id: 'account.names',
    promise: 'A name that is not a plain directory name is `invalid`.',
    trial: 'Names with slashes, dots, dashes, spaces, control characters and shell syntax; empty and endless ones.',
    timeoutMs,
    check: async ({ accounts }) => {
      for (const username of unsafe) {
        const what = `resolve for ${JSON.stringify(username.slice(0, 20))}`;
        await refused(accounts.resolve(person(username)), 'invalid', what);
      }
    },
  },
  {
    id: 'account.own-uid',
    promise: "Each identity's files and processes belong to a uid of its own, and nobody else reads them.",
    trial: '`shared` is false, and nobody is without a uid.',
    timeoutMs,
    check: async ({ accounts, people }) => {
      assert.equal(accounts.shared, false, '`shared` says that identities share a uid.');
      for (const { uid } of await resolveAll(accounts, people)) assert.notEqual(uid, null, 'An account has no uid.');
    },
    without: {
      capability: 'own_uids',
      trial: '`shared` says so.',
      check: async ({ accounts }) => assert.equal(accounts.shared, true, '`shared` says that uids are not shared.'),
    },
  },
  {
    id: 'account.missing',
    promise: 'An identity that has no account gets one.',
    trial: 'People whom nobody asked for before.',
    timeoutMs,
    check: async ({ accounts, people }) => {
      for (const [index, account] of (await resolveAll(accounts, people)).entries()) {
        assertSafe(account, people[index] ?? '');
      }
    },
    without: {
      capability: 'makes_missing',
      trial: 'Somebody who has no account is `denied`, every time.',
      check: async ({ accounts, reopen, stranger }) => {
        assert.ok(stranger, 'The world has no `stranger`.');
        for (const instance of [accounts, accounts, await reopen()]) {
          await refused(instance.resolve(person(stranger)), 'denied', 'resolve for somebody without an account');
        }
      },
    },
  },
  {
    id: 'account.aborted',
    promise: 'A question whose signal is aborted is given up with the reason of the signal; the next is answered.',
    trial: 'An identity is asked for with an aborted signal, then without.',
    timeoutMs,
    check: async ({ accounts, people: [username = ''] }) => {
      await rejectedByAbort((signal) => accounts.resolve(person(username), signal), 'resolve');
      assertSafe(await accounts.resolve(person(username)), username);
    },
  },
  {
    id: 'account.unavailable',
    promise: 'While the directory of accounts cannot be asked, a question is `unavailable`; then all is as before.',
    trial: 'People are asked for while the directory is cut off, and when it is back.',
    timeoutMs,
    check: async ({ accounts, reopen, people: [known = '', unknown = ''], cutOff }) => {
      assert.ok(cutOff, 'The world has no `cutOff`; declare the difference `cut_off` if there is none.');
      const before = await accounts.resolve(person(known));
      const other = await reopen();
      const bringBack = await cutOff();
      try {
        await refused(other.resolve(person(unknown)), 'unavailable', 'resolve without the directory');
        const still = await accounts.resolve(person(known)).catch((error: unknown) => {
          assert.ok(AdapterError.is(error, 'unavailable'), `resolve threw ${String(error)}.`);
          return before;
        });
        assert.deepEqual(still, before);
      } finally {
        await bringBack();
      }
      assert.deepEqual(await other.resolve(person(known)), before);
      assertSafe(await other.resolve(person(unknown)), unknown);
    },
    without: {
      capability: 'cut_off',
      trial: 'Everybody is asked for five times at once.',
      check: async ({ accounts, people }) => {
        const rounds = await Promise.all(Array.from({ length: 5 }, () => resolveAll(accounts, people)));
        for (const round of rounds) assert.deepEqual(round, rounds[0]);
      },
    },
  },
];

/** Every promise of `AccountMapping`. */
export const accountMappingSuite: Suite<AccountMappingWorld, AccountMappingCapability> = {
  contract: 'AccountMapping',
  capabilities: {
    cut_off: 'The test can make the directory of accounts unreachable.',
    makes_missing: 'An identity without an account gets one.',
    own_uids: 'Each identity has a uid of its own.',
  },
  guarantees,
};
