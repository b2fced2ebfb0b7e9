import assert from 'node:assert/strict';
import { AdapterError, type SignInResult } from '@user-workspaces/contract';
import { failureOf, refused } from '../../expectation.js';
import type { Guarantee, Suite } from '../../guarantee.js';
import type { AuthenticationCapability, AuthenticationWorld, SignIn } from './world.js';

type AuthenticationGuarantee = Guarantee<AuthenticationWorld, AuthenticationCapability>;

interface Lending {
  readonly signal?: AbortSignal;
  /** Stands in for the server's look for the owner of a client token. */
  readonly findApiClient?: (token: string) => Promise<{ id: number; name: string } | undefined>;
}

function attempt(
  world: AuthenticationWorld,
  { body, headers = {} }: SignIn,
  lending: Lending = {},
): Promise<SignInResult> {
  const { authentication, clientToken } = world;
  return authentication.signIn(body, {
    headers,
    signal: new AbortController().signal,
    findApiClient: async (token) => (token === clientToken ? { id: 1, name: 'portal' } : undefined),
    ...lending,
  });
}

/** Asserts that an attempt gives nobody, by an answer or an error of the contract. */
async function givesNobody(
  world: AuthenticationWorld,
  signIn: SignIn,
  what: string,
  lending?: Lending,
): Promise<string> {
  try {
    const result = await attempt(world, signIn, lending);
    assert.notEqual(result.kind, 'identity', `${what} signs somebody in: ${JSON.stringify(result)}`);
    assert.ok(['continue', 'incomplete', 'refused'].includes(result.kind), `${what} ends with "${result.kind}".`);
    if (result.kind === 'incomplete') assert.ok(result.field, `${what} is incomplete, but no field is named.`);
    if (result.kind === 'continue') return JSON.stringify(result.data);
    assert.ok('message' in result && result.message.trim(), `${what} has no message.`);
    return result.message;
  } catch (error) {
    assert.ok(AdapterError.is(error), `${what} threw ${String(error)}.`);
    return error.message;
  }
}

/** What is at `body.a.b` or `headers.x`. */
function valueAt(signIn: SignIn, path: string): unknown {
  let value: unknown = signIn;
  for (const key of path.split('.')) {
    value = typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
  }
  return value;
}

/** A sign-in with another value at a path; `undefined` takes it away. */
function changed(signIn: SignIn, path: string, value: unknown): SignIn {
  const copy = structuredClone({ headers: {}, ...signIn });
  const keys = path.split('.');
  const last = keys.pop() ?? '';
  const holder = valueAt(copy, keys.join('.'));
  assert.ok(typeof holder === 'object' && holder !== null, `The sign-in has nothing at ${path}.`);
  if (value === undefined) Reflect.deleteProperty(holder, last);
  else Reflect.set(holder, last, value);
  return copy;
}

/** The sign-in with each credential wrong in each way. Headers are always text, or lists of it. */
function withoutProof({ signIn, credentials }: AuthenticationWorld): [what: string, SignIn][] {
  return credentials.flatMap((path) => {
    const proof = valueAt(signIn, path);
    assert.ok(typeof proof === 'string' && proof !== '', `The sign-in has no text at ${path}.`);
    const isHeader = path.startsWith('headers.');
    const wrong = [undefined, '', [], ...(isHeader ? [] : [null, 0, true, {}, [proof], { length: 5 }])];
    // A header's text may be anything: that it is there proves who calls.
    const altered = isHeader ? [] : [`${proof}x`, proof.slice(0, -1), ` ${proof}`, proof.toUpperCase(), `${proof}\0`];
    return [...wrong, ...altered.filter((text) => text !== proof)].map((value): [string, SignIn] => [
      `A sign-in with ${JSON.stringify(value)?.slice(0, 3) ?? 'nothing'}… at ${path}`,
      changed(signIn, path, value),
    ]);
  });
}

const guarantees: readonly AuthenticationGuarantee[] = [
  {
    id: 'sign-in.identity',
    promise: 'Who proves who they are is signed in, as this person.',
    trial: 'The sign-in that succeeds, three times.',
    check: async (world) => {
      assert.ok(world.authentication.name, 'The way of signing in has no name.');
      for (let time = 0; time < 3; time++) {
        assert.deepEqual(await attempt(world, world.signIn), { kind: 'identity', identity: world.identity });
      }
      const problem = world.authentication.checkIdentity?.(world.identity);
      assert.equal(problem, undefined, 'Its own rules refuse an identity that it gives.');
    },
  },
  {
    id: 'sign-in.nobody',
    promise: 'Who proves nothing is nobody.',
    trial:
      'Empty bodies and headers, and those of the good sign-in with each credential missing, emptied, of another type or altered.',
    check: async (world) => {
      await givesNobody(world, { body: {} }, 'An empty sign-in');
      for (const [what, signIn] of withoutProof(world)) await givesNobody(world, signIn, what);
    },
  },
  {
    id: 'sign-in.this-call',
    promise: 'An identity is given for a proof in this very call only.',
    trial: 'Sign-ins without proof follow upon a good one, and run beside good ones.',
    check: async (world) => {
      await attempt(world, world.signIn);
      for (const [what, signIn] of withoutProof(world)) {
        const [good] = await Promise.all([
          attempt(world, world.signIn),
          givesNobody(world, signIn, `${what}, after a good one,`),
        ]);
        assert.deepEqual(good, { kind: 'identity', identity: world.identity });
      }
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
    promise: 'What proves who calls is in no answer and in no error.',
    trial: 'The credentials are looked for in the answers to sign-ins that fail because of something else.',
    check: async (world) => {
      const { credentials, signIn } = world;
      const secrets = credentials.map((path) => String(valueAt(signIn, path))).filter((text) => text.length > 5);
      const texts = await Promise.all([
        ...withoutProof(world).map(([what, each]) => givesNobody(world, each, what)),
        ...world.failures.map((each) => givesNobody(world, each, 'A sign-in that fails')),
        ...credentials
          .filter((path) => path.startsWith('body.'))
          .map((path) => givesNobody(world, changed(signIn, path, `${valueAt(signIn, path)}-wrong`), 'A wrong proof')),
      ]);
      for (const text of texts) {
        for (const secret of secrets) assert.ok(!text.includes(secret), 'A message shows what proves who calls.');
      }
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
      for (const value of values) {
        for (const name of names) {
          await givesNobody(world, { body: Object.fromEntries([[name, value]]) }, `A body with ${name}`);
        }
        const everywhere = Object.fromEntries(Object.keys(world.signIn.body).map((name) => [name, value]));
        await givesNobody(world, { body: everywhere }, 'A body of odd values');
      }
    },
  },
  {
    id: 'sign-in.unchanged',
    promise: 'A sign-in changes nothing of what it is given.',
    trial: 'Body and headers are compared afterwards.',
    check: async (world) => {
      const copy = structuredClone(world.signIn);
      await attempt(world, copy);
      assert.deepEqual(copy, world.signIn);
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
      const outcome = await attempt(world, world.signIn, { findApiClient }).catch((error: unknown) => error);
      if (asked === 0) assert.deepEqual(outcome, { kind: 'identity', identity: world.identity });
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
      const error = await failureOf(attempt(world, world.signIn, { signal }), 'A sign-in with an aborted signal');
      assert.equal(error, reason, 'Something else than the reason of the signal was thrown.');
    },
  },
  {
    id: 'sign-in.unavailable',
    promise: 'A failure of the system behind it is `unavailable`, and never an identity or a refusal.',
    trial: 'The good sign-in and the failing ones while the system is cut off, and the good one when it is back.',
    check: async (world) => {
      const { cutOff, signIn, identity } = world;
      assert.ok(cutOff, 'The world has no `cutOff`; declare the difference `cut_off` if there is none.');
      const bringBack = await cutOff();
      try {
        await refused(attempt(world, signIn), 'unavailable', 'A sign-in while the system behind it is cut off');
      } finally {
        await bringBack();
      }
      assert.deepEqual(await attempt(world, signIn), { kind: 'identity', identity });
    },
    without: {
      capability: 'cut_off',
      trial: 'A hundred sign-ins at once, every second without proof: each has its own answer.',
      check: async (world) => {
        const bad = withoutProof(world);
        await Promise.all(
          Array.from({ length: 50 }, async (_, index) => {
            const [what, signIn] = bad[index % bad.length] ?? ['An empty sign-in', { body: {} }];
            const [good] = await Promise.all([attempt(world, world.signIn), givesNobody(world, signIn, what)]);
            assert.deepEqual(good, { kind: 'identity', identity: world.identity });
          }),
        );
      },
    },
  },
  {
    id: 'check.health',
    promise: '`check` says in a sentence whether somebody can be signed in; it holds no secret.',
    trial: 'The health is asked for, also while the system behind it is cut off.',
    check: async (world) => {
      const { authentication, cutOff, credentials, signIn } = world;
      const health = await authentication.check();
      assert.equal(health.connected, true, `Not connected: ${health.message}`);
      assert.ok(health.message.trim(), 'The health has no message.');
      for (const path of credentials) {
        const secret = String(valueAt(signIn, path));
        assert.ok(secret.length <= 5 || !health.message.includes(secret), 'The health shows a secret.');
      }
      const bringBack = await cutOff?.();
      if (!bringBack) return;
      try {
        assert.equal((await authentication.check()).connected, false, 'The health says that all is well.');
      } finally {
        await bringBack();
      }
    },
  },
];

/** Every promise of `Authentication`. */
export const authenticationSuite: Suite<AuthenticationWorld, AuthenticationCapability> = {
  contract: 'Authentication',
  capabilities: { cut_off: 'The test can make the system behind it unreachable.' },
  guarantees,
};
