import assert from 'node:assert/strict';
import { endOf, textOf } from './attempt.js';
import {
  type Attempt,
  alteredProofs,
  changed,
  valueAt,
  withoutProof,
  withPartOfAnother,
  withProofOfAnother,
} from './proofs.js';
import type { AuthenticationWorld } from './world.js';

const shortest = 8;
/** A part of a token that is as long as this is a secret of its own, such as a signature. */
const shortestPart = 16;

/** Where callers put what they think proves them, and what stands there. */
const madeUp = [
  ['body.client_token', 'made-up-client-token-5f1d'],
  ['body.password', 'made-up-password-81c2'],
  ['body.token', 'made-up-token-c07e'],
  ['headers.authorization', 'Bearer made-up-bearer-9b3a'],
  ['headers.cookie', 'session=made-up-cookie-24d6'],
] as const;

/** Looks for the proofs of all people in whatever a sign-in that fails, and the health, say. */
export async function keepsProofs(world: AuthenticationWorld): Promise<void> {
  const secrets = proofsIn(world);
  const failing: readonly Attempt[] = [
    ...withoutProof(world),
    ...alteredProofs(world),
    ...withProofOfAnother(world),
    ...withPartOfAnother(world),
    ...world.failures.map((failure): Attempt => ['A sign-in that fails', failure]),
  ];
  await saysNone(world, failing, secrets);
  const bringBack = await world.cutOff?.();
  if (!bringBack) return;
  try {
    const good = world.people.map(({ signIn, identity }): Attempt => [`The sign-in of ${identity.username}`, signIn]);
    await saysNone(
      world,
      [...good, ...failing].map(([what, signIn]) => [`${what}, while the system behind is cut off`, signIn]),
      secrets,
    );
  } finally {
    await bringBack();
  }
}

/** Looks for texts that were sent where proofs usually stand. */
export async function keepsMadeUpProofs(world: AuthenticationWorld): Promise<void> {
  const texts = madeUp.map(([, text]) => text);
  const wrong = [{ body: {} }, ...world.failures, ...world.people.map(({ signIn }) => signIn)];
  const attempts = wrong.flatMap((signIn) =>
    madeUp.map(([path, text]): Attempt => [`A sign-in with a made-up ${path}`, changed(signIn, path, text)]),
  );
  await saysNone(world, attempts, texts);
}

async function saysNone(
  world: AuthenticationWorld,
  attempts: readonly Attempt[],
  secrets: readonly string[],
): Promise<void> {
  const texts = await Promise.all(
    attempts.map(async ([what, signIn]) => [what, textOf(await endOf(world, signIn, what))] as const),
  );
  for (const [what, text] of [...texts, ['The health', (await world.authentication.check()).message] as const]) {
    for (const secret of secrets) {
      assert.ok(!holdsMostOf(text, secret), `${what}: message, field, details or cause show what proves who calls.`);
    }
  }
}

/** The proofs of all people. Throws for one that is too short to be told from a word of a message. */
function proofsIn({ people, credentials, clientToken }: AuthenticationWorld): string[] {
  const proofs = people.flatMap(({ signIn, identity: { username } }) =>
    credentials.map((path) => {
      const proof = String(valueAt(signIn, path));
      const what = `The proof of ${username} at ${path} in the world has ${proof.length} characters`;
      assert.ok(proof.length >= shortest, `${what}; give one of at least ${shortest}, which can be looked for.`);
      return proof;
    }),
  );
  const parts = proofs.flatMap((proof) => proof.split(/[\s.:;,|]+/).filter(({ length }) => length >= shortestPart));
  return [...new Set([...proofs, ...parts, ...(clientToken === undefined ? [] : [clientToken])])];
}

/** Two thirds of a secret are enough to find the rest. */
function holdsMostOf(text: string, secret: string): boolean {
  const length = Math.max(shortest, Math.ceil((secret.length * 2) / 3));
  for (let from = 0; from + length <= secret.length; from++) {
    if (text.includes(secret.slice(from, from + length))) return true;
  }
  return [encodeURIComponent(secret), Buffer.from(secret).toString('base64')].some((each) => text.includes(each));
}
