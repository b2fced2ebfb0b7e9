import assert from 'node:assert/strict';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { AdapterError, type Identity, type IdentityProblem } from '@user-workspaces/contract';
import { failureOf, gate, refused } from '../../expectation.js';
import type { Check, Guarantee, Suite } from '../../guarantee.js';
import { attempt, endOf, gives, givesNobody, type Lending, ownerOf } from './attempt.js';
import {
  type Attempt,
  alteredProofs,
  commonPart,
  valueAt,
  withoutProof,
  withPartOfAnother,
  withProofOfAnother,
  withText,
} from './proofs.js';
import { keepsMadeUpProofs, keepsProofs } from './secrets.js';
import {
  type AuthenticationCapability,
  type AuthenticationWorld,
  assertSound,
  type PersonWhoSignsIn,
  type SignIn,
} from './world.js';

type AuthenticationGuarantee = Guarantee<AuthenticationWorld, AuthenticationCapability>;

const oddNames = [
  'a-b',
  'a.b',
  'a_b',
  'A',
  '7',
  'ada@x.org',
  'ädä',
  'two words',
  '-rf',
  '../up',
  'a\0b',
  'x'.repeat(300),
];
const oddAddresses = ['a@b', 'A+b@x.org', 'no address', 'a@x.org\r\nBcc: b@x.org', `${'x'.repeat(300)}@x.org`];

const guarantees: readonly AuthenticationGuarantee[] = [
  {
    id: 'sign-in.identity',
    promise: 'Who proves who they are is signed in, as this person.',
    trial: 'Each person signs in, three times.',
    check: async (world) => {
      assert.ok(world.authentication.name, 'The way of signing in has no name.');
      for (let time = 0; time < 3; time++) for (const person of world.people) await gives(world, person);
    },
  },
  {
    id: 'sign-in.at-once',
    promise: 'People who sign in at the same moment are not taken for each other.',
    trial: 'All people sign in at once, several times each; whose client token is looked up first hears of it last.',
    check: async (world) => {
      for (let round = 0; round < 5; round++) {
        let waiting = world.people.length * 3;
        const findApiClient = async (token: string) => {
          waiting -= 1;
          await sleep(Math.max(0, waiting % 4));
          return ownerOf(world, token);
        };
        const all = Array.from({ length: 3 }, () => world.people).flat();
        await Promise.all(
          all.map((person) => {
            const what = `The sign-in of ${person.identity.username}, at the same moment as others,`;
            return gives(world, person, what, { findApiClient });
          }),
        );
      }
    },
  },
  {
    id: 'sign-in.nobody',
    promise: 'Who proves nothing is nobody.',
    trial:
      'Empty bodies and headers, and those of the good sign-ins with each proof missing, emptied, of another type, or in a header that comes twice.',
    check: async (world) => {
      await givesNobody(world, { body: {} }, 'An empty sign-in');
      for (const [what, signIn] of withoutProof(world)) await givesNobody(world, signIn, what);
    },
  },
  {
    id: 'sign-in.altered',
    promise: 'A proof that was altered proves nothing.',
    trial:
      'The good sign-ins with each proof made longer, cut, and with bytes of it changed and parts of it emptied, in the body and in headers.',
    check: async (world) => {
      for (const [what, signIn] of alteredProofs(world)) await givesNobody(world, signIn, what);
    },
    without: {
      capability: 'unforgeable',
      trial: 'The same: it signs nobody in, or at least not as the person whose proof it was.',
      check: async (world) => {
        for (const [what, signIn] of alteredProofs(world)) {
          const result = await attempt(world, signIn);
          for (const { identity } of world.people) {
            assert.notDeepEqual(result, { kind: 'identity', identity }, `${what} still gives ${identity.username}.`);
          }
        }
      },
    },
  },
  {
    id: 'sign-in.another',
    promise: 'What proves one person does not prove another.',
    trial: "Each person's sign-in with another's proof, and with single parts of it, such as the signature.",
    check: async (world) => {
      assert.ok(
        hasProofsOfTheirOwn(world),
        'All people of the world have the same proof; give each their own, or declare the difference `own_secrets`.',
      );
      for (const [what, signIn] of [...withProofOfAnother(world), ...withPartOfAnother(world)]) {
        await givesNobody(world, signIn, what);
      }
    },
    without: {
      capability: 'own_secrets',
      trial: 'What is the same in the sign-ins of all people signs nobody in.',
      check: async (world) => {
        await givesNobody(world, commonPart(world), 'What is the same in the sign-ins of all people');
      },
    },
  },
  {
    id: 'sign-in.this-call',
    promise: 'An identity is given for a proof in this very call only.',
    trial: 'Sign-ins without proof follow upon good ones, and run beside good ones.',
    check: async (world) => {
      for (const person of world.people) await gives(world, person);
      await givesNobody(world, commonPart(world), 'What all sign-ins have in common, after good ones,');
      for (const [what, signIn] of withoutProof(world)) {
        await Promise.all([
          ...world.people.map((person) => gives(world, person)),
          givesNobody(world, signIn, `${what}, after and beside good ones,`),
        ]);
      }
    },
  },
  {
    id: 'sign-in.changed-secret',
    promise: 'What proved somebody once and proves them no more is worth nothing from then on.',
    trial: 'A person signs in, their secret is changed, and the old one comes again; then the new one.',
    check: async (world) => {
      const [person] = world.people;
      const { username } = person.identity;
      await gives(world, person);
      const signIn = await changeSecret(world);
      for (let time = 0; time < 2; time++) {
        await givesNobody(world, person.signIn, `The sign-in of ${username} with the secret from before the change`);
        await gives(world, { ...person, signIn }, `The sign-in of ${username} with the new secret`);
      }
    },
    without: {
      capability: 'changed_secret',
      trial:
        'All sign in by turns, and after each comes what the sign-ins of all have in common: nobody is remembered.',
      check: async (world) => {
        for (const person of [...world.people, ...world.people]) {
          await gives(world, person);
          await givesNobody(world, commonPart(world), `What is common to all, after ${person.identity.username},`);
        }
      },
    },
  },
  {
    id: 'sign-in.failures',
    promise: 'What is missing is `incomplete`, with field and message; what is wrong is `refused`, with a message.',
    trial: 'The sign-ins that the author says fail.',
    check: async (world) => {
      for (const failure of world.failures) {
        const what = `The sign-in ${JSON.stringify(failure.body).slice(0, 100)}`;
        await givesNobody(world, failure, what);
        assert.equal((await attempt(world, failure)).kind, failure.kind, `${what} ends otherwise.`);
      }
    },
  },
  {
    id: 'sign-in.secrets',
    promise: 'What proves who calls is in no answer, no error and no health, neither in a message nor in details.',
    trial:
      'The proofs, and most of each, are looked for in all that sign-ins say that fail, also while the system behind is cut off.',
    check: async (world) => {
      await keepsProofs(world);
      await keepsMadeUpProofs(world);
    },
    without: {
      capability: 'unforgeable',
      trial: 'Made-up passwords, tokens and cookies are sent and looked for.',
      check: keepsMadeUpProofs,
    },
  },
  {
    id: 'sign-in.hostile-bodies',
    promise:
      'Whatever the body holds, it signs nobody in without proof, and nothing but the answers and errors of the contract comes back.',
    trial:
      "Wrong types, prototypes' names, depth, hundred thousands of characters and control characters, at every place of the body.",
    check: async (world) => {
      let deep: unknown = 'bottom';
      for (let level = 0; level < 1000; level++) deep = { deep };
      const values = [null, 0, true, [], {}, '', 'x'.repeat(100_000), 'a\0b', '\ud800', 'a\r\nb: c', deep];
      const names = ['__proto__', 'constructor', 'user_info', 'client_token', 'username', 'identity', 'kind'];
      const [{ signIn }] = world.people;
      for (const value of values) {
        for (const name of names) {
          await givesNobody(world, { body: Object.fromEntries([[name, value]]) }, `A body with ${name}`);
        }
        const everywhere = Object.fromEntries(Object.keys(signIn.body).map((name) => [name, value]));
        await givesNobody(world, { body: everywhere }, 'A body of odd values');
      }
    },
  },
  {
    id: 'sign-in.unchanged',
    promise: 'A sign-in changes nothing of what it is given.',
    trial: 'Body and headers are compared afterwards.',
    check: async (world) => {
      for (const { signIn } of world.people) {
        const copy = structuredClone(signIn);
        await attempt(world, copy);
        assert.deepEqual(copy, signIn);
      }
    },
  },
  {
    id: 'sign-in.client-lookup',
    promise:
      'When the owner of a client token cannot be looked up, nobody is signed in by it, and the error is passed on.',
    trial: 'The look-up is `unavailable`.',
    check: async (world) => {
      let asked = 0;
      const failure = new AdapterError('unavailable', 'The database cannot be asked.');
      const findApiClient = async () => {
        asked += 1;
        throw failure;
      };
      const [{ signIn, identity }] = world.people;
      const outcome = await attempt(world, signIn, { findApiClient }).catch((error: unknown) => error);
      if (asked === 0) assert.deepEqual(outcome, { kind: 'identity', identity });
      else assert.equal(outcome, failure, 'The error was not passed on.');
    },
  },
  {
    id: 'sign-in.aborted',
    promise: 'A sign-in whose signal is aborted is given up with the reason of the signal.',
    trial: 'The good sign-in with an aborted signal.',
    check: async (world) => {
      const reason = new Error('The caller went away.');
      const signal = AbortSignal.abort(reason);
      const [{ signIn }] = world.people;
      const error = await failureOf(attempt(world, signIn, { signal }), 'A sign-in with an aborted signal');
      assert.equal(error, reason, 'Something else than the reason of the signal was thrown.');
    },
  },
  {
    id: 'sign-in.aborted-midway',
    promise: 'A signal that comes while a sign-in waits for something ends it with the reason of the signal.',
    trial:
      'It is aborted while the owner of a client token is looked up, and after a turn, 1, 2, 4 and 8 milliseconds.',
    check: async (world) => {
      const lookUp = gate();
      const findApiClient = async (token: string) => {
        await lookUp.opened;
        return ownerOf(world, token);
      };
      await abortedMidway(world, { findApiClient }, () => sleep(20), lookUp.open);
      const moments = [nextTurn, ...[1, 2, 4, 8].map((ms) => () => sleep(ms))];
      for (const moment of moments) await abortedMidway(world, {}, moment);
    },
  },
  {
    id: 'sign-in.unavailable',
    promise: 'A failure of the system behind it is `unavailable`, and never an identity or a refusal.',
    trial:
      "After good sign-ins the system is cut off: those again, with another's proof, and with a secret that was changed, where it can be, are `unavailable`; altered and failing ones give nobody. Then it is back.",
    check: async (world) => {
      const { cutOff, people } = world;
      assert.ok(cutOff, 'The world has no `cutOff`; declare the difference `cut_off` if there is none.');
      for (const person of people) await gives(world, person);
      const [first, ...others] = people;
      const old = world.changeSecret && first.signIn;
      const present: PersonWhoSignsIn = old ? { ...first, signIn: await changeSecret(world) } : first;
      if (old) await gives(world, present);
      const { credentials } = world;
      const bringBack = await cutOff.call(world);
      try {
        const unknown: Attempt[] = [present, ...others].map(({ signIn, identity }) => [
          `The sign-in of ${identity.username}`,
          signIn,
        ]);
        if (old) unknown.push(['A sign-in with a secret that was changed', old]);
        unknown.push(...withProofOfAnother({ people: [present, ...others], credentials }));
        for (const [what, signIn] of unknown) {
          await refused(attempt(world, signIn), 'unavailable', `${what}, while the system behind is cut off,`);
        }
        // These may be found wrong without asking.
        const wrong = [...withoutProof(world), ...alteredProofs(world), ...withPartOfAnother(world)];
        for (const [what, signIn] of wrong) await givesNobody(world, signIn, `${what}, while cut off,`);
        for (const failure of world.failures) await givesNobody(world, failure, 'A failing sign-in, while cut off,');
      } finally {
        await bringBack();
      }
      await gives(world, present, 'The sign-in after the system came back');
      if (old) await givesNobody(world, old, 'A sign-in with a secret that was changed');
    },
    without: {
      capability: 'cut_off',
      trial: 'A hundred sign-ins at once, every second without proof: each has its own answer.',
      check: async (world) => {
        const bad = withoutProof(world);
        await Promise.all(
          Array.from({ length: 50 }, async (_, index) => {
            const [what, signIn] = bad[index % bad.length] ?? ['An empty sign-in', { body: {} }];
            const person = world.people[index % world.people.length] ?? world.people[0];
            await Promise.all([gives(world, person), givesNobody(world, signIn, what)]);
          }),
        );
      },
    },
  },
  {
    id: 'identity.checked',
    promise:
      '`checkIdentity` (optional) finds fault with nobody who can sign in, looks at what it is given alone, and says which field is wrong, in a sentence.',
    trial:
      'The people are checked, whole and field by field; then they sign in under odd names and addresses in place of theirs: who is signed in must pass.',
    check: async (world) => {
      const { authentication, people } = world;
      if (!authentication.checkIdentity) return;
      const check = (identity: Partial<Identity>): IdentityProblem | undefined =>
        authentication.checkIdentity?.(identity);
      const passes = (identity: Partial<Identity>): void => {
        const problem = check(identity);
        assert.equal(
          problem,
          undefined,
          `checkIdentity finds fault with ${JSON.stringify(identity)}, who can sign in or is a part of who can: ${problem?.message}`,
        );
      };
      passes({});
      for (const { identity, signIn } of people) {
        passes(identity);
        for (const [field, value] of Object.entries(identity)) passes({ [field]: value });
        for (const [field, given, odd] of [
          ...oddNames.map((name) => ['username', identity.username, name] as const),
          ...oddAddresses.map((address) => ['email', identity.email, address] as const),
        ]) {
          const end = await endOf(world, withText(signIn, given, odd), `A sign-in with the ${field} ${odd}`);
          if (!(end instanceof Error) && end.kind === 'identity') passes(end.identity);
          const problem = check({ [field]: odd });
          if (!problem) continue;
          assert.equal(problem.field, field, `The fault of the ${field} ${odd} is found in another field.`);
          assert.ok(problem.message.trim(), `Nothing says what is wrong with the ${field} ${odd}.`);
        }
      }
    },
  },
  {
    id: 'check.health',
    promise: '`check` says in a sentence whether somebody can be signed in.',
    trial: 'The health is asked for, and once more while the system behind it is cut off, where that can be done.',
    check: async (world) => {
      const { authentication } = world;
      const health = await authentication.check();
      assert.equal(health.connected, true, `Not connected: ${health.message}`);
      assert.ok(health.message.trim(), 'The health has no message.');
      const bringBack = await world.cutOff?.();
      if (!bringBack) return;
      try {
        assert.equal((await authentication.check()).connected, false, 'The health says that all is well.');
      } finally {
        await bringBack();
      }
    },
  },
];

function hasProofsOfTheirOwn({ people, credentials }: AuthenticationWorld): boolean {
  const proofs = people.map(({ signIn }) => JSON.stringify(credentials.map((path) => valueAt(signIn, path))));
  return new Set(proofs).size === people.length;
}

async function changeSecret(world: AuthenticationWorld): Promise<SignIn> {
  assert.ok(
    world.changeSecret,
    'The world has no `changeSecret`; declare the difference `changed_secret` if it cannot.',
  );
  const signIn = await world.changeSecret();
  assert.notDeepEqual(signIn, world.people[0].signIn, '`changeSecret` of the world gives the sign-in from before.');
  return signIn;
}

/** Aborts a good sign-in after a moment. One that is not done by then must end with the reason. */
async function abortedMidway(
  world: AuthenticationWorld,
  lending: Lending,
  moment: () => Promise<unknown>,
  afterwards?: () => void,
): Promise<void> {
  const [{ signIn, identity }] = world.people;
  const controller = new AbortController();
  const reason = new Error('The caller went away.');
  let isDone = false;
  const end = attempt(world, signIn, { ...lending, signal: controller.signal })
    .catch((error: unknown) => error)
    .finally(() => {
      isDone = true;
    });
  await moment();
  const wasDone = isDone;
  controller.abort(reason);
  afterwards?.();
  if (wasDone) assert.deepEqual(await end, { kind: 'identity', identity });
  else assert.equal(await end, reason, 'A sign-in that was aborted midway did not end with the reason of the signal.');
}

/** What is found in an unsound world proves nothing, whatever is tried. */
const inSoundWorld =
  (check: Check<AuthenticationWorld>): Check<AuthenticationWorld> =>
  async (world, tools) => {
    assertSound(world);
    await check(world, tools);
  };

/** Every promise of `Authentication`. */
export const authenticationSuite: Suite<AuthenticationWorld, AuthenticationCapability> = {
  contract: 'Authentication',
  capabilities: {
    cut_off: 'The test can make the system behind it unreachable.',
    changed_secret:
      'The test can make a proof that was good worthless, as when a password is changed or a token revoked.',
    own_secrets: 'Each person has a proof of their own; otherwise somebody vouches for all of them.',
    unforgeable:
      'A proof is secret and holds by itself; otherwise it is enough that it is there, as what only a proxy sets.',
  },
  guarantees: guarantees.map((guarantee) => ({
    ...guarantee,
    check: inSoundWorld(guarantee.check),
    ...(guarantee.without && {
      without: [guarantee.without].flat().map((each) => ({ ...each, check: inSoundWorld(each.check) })),
    }),
  })),
};
