import { type AuthenticationWorld, authenticationSuite, testAdapter, tryAdapter } from '@user-workspaces/testkit';
import { describe, expect, it, test } from 'vitest';
import { openPasswords } from './mutants/authentication/passwords.js';
import { signedHeader } from './mutants/authentication/signed-header.js';

// What the shipped adapter lacks is tried on these: the mutants rest on them.
testAdapter({ describe, test }, authenticationSuite, { name: 'passwords in a directory', open: () => openPasswords() });
testAdapter({ describe, test }, authenticationSuite, signedHeader);

describe('a world that tries nothing', () => {
  /** What is told of it, by guarantee. */
  async function toldOf(change: (world: AuthenticationWorld) => Partial<AuthenticationWorld>) {
    const open = async () => {
      const world = await openPasswords();
      return { ...world, ...change(world) };
    };
    const { results } = await tryAdapter(authenticationSuite, { name: 'unsound', open });
    return new Map(results.map(({ id, error }) => [id, error instanceof Error ? error.message : 'kept']));
  }

  it.each<[string, (world: AuthenticationWorld) => Partial<AuthenticationWorld>, RegExp]>([
    ['no credentials', () => ({ credentials: [] }), /^The world names no `credentials`/],
    ['no failures', () => ({ failures: [] }), /^The world names no `failures`/],
    [
      'the same person twice',
      ({ people: [ada] }) => ({ people: [ada, ada] }),
      /^The `people` of the world are not diff/,
    ],
    ['no proof where it should be', () => ({ credentials: ['body.secret'] }), /^The sign-in of ada .* has no text at/],
  ])('is an error of the world: %s', async (_, change, message) => {
    for (const told of (await toldOf(change)).values()) expect(told).toMatch(message);
  });

  it('is told where a proof is too short to be looked for', async () => {
    const told = await toldOf(() => ({ credentials: ['body.username'] }));
    expect(told.get('sign-in.secrets')).toMatch(
      /^The proof of ada at body.username .* 3 characters; give one of at least 8/,
    );
  });

  it('is told where all people have the same proof', async () => {
    const told = await toldOf(({ people: [ada, bob] }) => ({
      people: [ada, { ...bob, signIn: { body: { ...bob.signIn.body, password: ada.signIn.body.password } } }],
    }));
    expect(told.get('sign-in.another')).toMatch(/declare the difference `own_secrets`/);
  });
});
