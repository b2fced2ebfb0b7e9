import { setTimeout as sleep } from 'node:timers/promises';
import { AdapterError, type Authentication } from '@user-workspaces/contract';
import type { AuthenticationWorld, PersonWhoSignsIn } from '@user-workspaces/testkit';

/** Stands for a directory of users behind a sign-in: names and passwords, and whether it can be reached. */
export interface Directory {
  readonly passwords: Map<string, string>;
  isCutOff: boolean;
}

/** Signs in by name and password, which a directory is asked about: as an LDAP server or an identity provider would be. */
function createPasswordAuthentication(directory: Directory): Authentication {
  return {
    name: 'password',
    async signIn({ username, password }, { signal }) {
      signal.throwIfAborted();
      const missing = Object.entries({ username, password }).find(
        ([, text]) => typeof text !== 'string' || text === '',
      );
      if (missing) return { kind: 'incomplete', field: missing[0], message: `${missing[0]} is missing.` };
      await sleep(3, undefined, { signal }).catch(() => signal.throwIfAborted());
      if (directory.isCutOff) throw new AdapterError('unavailable', 'The directory does not answer; try again later.');
      if (typeof username !== 'string' || directory.passwords.get(username) !== password) {
        return { kind: 'refused', message: 'The user name or the password is wrong.' };
      }
      return { kind: 'identity', identity: identityOf(username) };
    },
    async check() {
      return directory.isCutOff
        ? { connected: false, message: 'The directory does not answer.' }
        : { connected: true, message: 'The directory answers.' };
    },
  };
}

export const identityOf = (username: string) => ({ username, email: `${username}@x.org`, firstName: '', lastName: '' });

const person = (username: string, password: string): PersonWhoSignsIn => ({
  signIn: { body: { username, password } },
  identity: identityOf(username),
});

export async function openPasswords(
  alter: (authentication: Authentication, directory: Directory) => Authentication = (authentication) => authentication,
): Promise<AuthenticationWorld> {
  const passwords = new Map([
    ['ada', 'correct horse'],
    ['bob', 'battery staple'],
  ]);
  const directory: Directory = { passwords, isCutOff: false };
  return {
    authentication: alter(createPasswordAuthentication(directory), directory),
    people: [person('ada', 'correct horse'), person('bob', 'battery staple')],
    credentials: ['body.password'],
    failures: [
      { body: { username: 'ada' }, kind: 'incomplete' },
      { body: { username: 'ada', password: 'wrong' }, kind: 'refused' },
      { body: { username: 'eve', password: 'wrong' }, kind: 'refused' },
    ],
    async changeSecret() {
      passwords.set('ada', 'another horse');
      return person('ada', 'another horse').signIn;
    },
    async cutOff() {
      directory.isCutOff = true;
      return async () => {
        directory.isCutOff = false;
      };
    },
    close: async () => {},
  };
}
