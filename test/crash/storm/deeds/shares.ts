import { rm } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { oneOf } from '../chance.js';
import { insist, insistOn } from '../insist.js';
import type { Person, Turn } from '../person.js';
import { create, remove } from './workspaces.js';

/** A workspace of its own, which stays as it is, so that the copy can be foretold. */
export async function share(turn: Turn): Promise<void> {
  const { person, random } = turn;
  const receiver = oneOf(random, person.others);
  if (!receiver) return;
  const original = await create(turn);
  original.isShared = true;
  const key = `${turn.name}-share`;
  const request = { original_workspace_id: original.id, shared_user_ids: [receiver.userId] };
  const send = async (): Promise<number> => {
    const [made, ...more] = await person.client.shares.create(request, { idempotencyKey: key });
    if (!made || more.length > 0) throw new Error(`one share was asked for, ${more.length + 1} were made`);
    return made.shared_workspace_id.id;
  };
  const { value: sharedWorkspaceId } = await insistOn('sharing', send);
  person.note(key, sharedWorkspaceId);
  if (random.next() < 0.3) person.note(key, (await insistOn('sharing again', send)).value);
  receiver.promises.announced.set(sharedWorkspaceId, original.name);
  receiver.promises.inbox.push({ sharedWorkspaceId, original, files: new Map(original.files) });
}

/** A copy that can never be made, as the files are gone: both sides are told, and either can take it back. */
export async function shareWhatIsLost(turn: Turn): Promise<void> {
  const { person, random } = turn;
  const receiver = oneOf(random, person.others);
  if (!receiver) return;
  const original = await create(turn);
  original.isShared = true;
  const row = await untilRead(() => person.cluster.database.findOne('workspaces', { id: original.id }));
  await rm(row.location, { recursive: true });
  const key = `${turn.name}-lost`;
  const request = { original_workspace_id: original.id, shared_user_ids: [receiver.userId] };
  const { value: made } = await insistOn('sharing', () =>
    person.client.shares.create(request, { idempotencyKey: key }),
  );
  const id = made[0]?.shared_workspace_id.id ?? 0;
  person.note(key, id);
  const deadline = Date.now() + 120_000;
  for (const { client } of [person, receiver]) {
    for (;;) {
      const { value: share } = await insistOn('looking at a share', () => client.shares.get(id));
      if (share.status === 'error' && share.status_reason) break;
      if (share.status === 'copied' || Date.now() > deadline) throw new Error(`share ${id} is ${share.status}`);
      await delay(100);
    }
  }
  const { client } = random.next() < 0.5 ? person : receiver;
  const outcome = await insist(() => client.shares.delete(id));
  if ('refusal' in outcome && !(outcome.attempts > 1 && outcome.refusal.status === 404)) throw outcome.refusal;
  await remove(turn, original);
}

/** A row, although the database may be away. */
async function untilRead<T>(read: () => Promise<T | undefined>): Promise<T> {
  for (let attempts = 1; ; attempts++) {
    const row = await read().catch(() => undefined);
    if (row !== undefined) return row;
    if (attempts === 600) throw new Error('The row was not read in a minute.');
    await delay(100);
  }
}

export async function answer({ person, random }: Turn): Promise<void> {
  const offer = person.promises.inbox.shift();
  if (!offer) return;
  const id = offer.sharedWorkspaceId;
  if (random.next() < 0.3) {
    person.promises.announced.delete(id);
    const outcome = await insist(() => person.client.shares.delete(id));
    if ('refusal' in outcome && !(outcome.attempts > 1 && outcome.refusal.status === 404)) throw outcome.refusal;
  } else {
    await insistOn('accepting', () => person.client.shares.accept(id));
    await untilComplete(person, id);
    const files = [...offer.files].map(([name, { content }]) => ({ name, content }));
    person.promise(id, offer.original.name, files);
  }
  offer.original.isShared = false;
}

/** A copy that was accepted at once may still be made. */
async function untilComplete({ client }: Person, workspaceId: number): Promise<void> {
  const deadline = Date.now() + 120_000;
  for (;;) {
    const { value } = await insistOn('looking at a copy', () => client.workspaces.get(workspaceId));
    if (value.status !== 'initializing') return;
    if (Date.now() > deadline) throw new Error(`the copy ${workspaceId} is not complete in two minutes`);
    await delay(100);
  }
}
