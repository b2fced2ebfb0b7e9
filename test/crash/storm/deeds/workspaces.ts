import { between, oneOf } from '../chance.js';
import { insist, insistOn } from '../insist.js';
import type { Turn } from '../person.js';
import type { PromisedWorkspace } from '../promises.js';

/** Its own attempts are counted, so the SDK makes none besides. */
export const once = { retries: 0 } as const;

/** Some lines that no other turn writes. */
export function content({ random, name }: Turn): string {
  return `${name}\n`.repeat(between(random, 1, random.next() < 0.1 ? 2_000 : 20));
}

/** A request to create, by its key alone, so that it can be made again. */
function creation({ person }: Turn, key: string) {
  const files = [
    { name: 'readme.txt', content: key },
    { name: 'data/one.txt', content: key.repeat(50) },
  ];
  const request = { name: key, description: '', workspace_details: { files } };
  const send = async (): Promise<number> =>
    (await person.client.workspaces.create(request, { idempotencyKey: key })).id;
  person.promises.requests.push({ key, send });
  return { files, send };
}

export async function create(turn: Turn): Promise<PromisedWorkspace> {
  const { files, send } = creation(turn, turn.name);
  const { value } = await insistOn('creating', send);
  turn.person.note(turn.name, value);
  return turn.person.promise(value, turn.name, files);
}

export async function createTwice(turn: Turn): Promise<void> {
  const { files, send } = creation(turn, turn.name);
  const [first, second] = await Promise.all([insistOn('creating', send), insistOn('creating at the same time', send)]);
  for (const { value } of [first, second]) turn.person.note(turn.name, value);
  turn.person.promise(first.value, turn.name, files);
}

/** The key of something made before: the same again, or the answer that it is there no longer. */
export async function useOldKey({ person, random }: Turn): Promise<void> {
  const request = oneOf(random, person.promises.requests);
  const [made] = person.promises.keys.get(request?.key ?? '') ?? [];
  if (!request || made === undefined) return;
  const outcome = await insist(request.send);
  if ('value' in outcome) person.note(request.key, outcome.value);
  else if (!(person.promises.deleted.has(made) && outcome.refusal.status === 404)) throw outcome.refusal;
}

export async function list({ person }: Turn): Promise<void> {
  const ids = new Set<number>();
  await insistOn('listing workspaces', async () => {
    for await (const { id } of person.client.workspaces.list()) ids.add(id);
  });
  const missing = [...person.promises.workspaces.keys()].filter((id) => !ids.has(id));
  if (missing.length > 0) throw new Error(`workspaces ${missing.join(', ')} are not listed`);
}

export async function update(turn: Turn, workspace: PromisedWorkspace): Promise<void> {
  const files = [1, 2].map((number) => ({ name: `${turn.name}/${number}.txt`, content: content(turn) }));
  const changes = { description: turn.name, workspace_details: { files } };
  const { attempts } = await insistOn('updating', () =>
    turn.person.client.workspaces.update(workspace.id, changes, once),
  );
  for (const file of files) workspace.files.set(file.name, { content: file.content, isCertain: attempts === 1 });
}

export async function remove({ person }: Turn, workspace: PromisedWorkspace): Promise<void> {
  const { promises, client } = person;
  for (const job of promises.jobs.values()) if (job.workspaceId === workspace.id) job.mayBeStopped = true;
  const outcome = await insist(() => client.workspaces.delete(workspace.id, { force: true }));
  if ('refusal' in outcome && !(outcome.attempts > 1 && outcome.refusal.status === 404)) throw outcome.refusal;
  promises.workspaces.delete(workspace.id);
  promises.deleted.add(workspace.id);
  promises.announced.delete(workspace.id);
}
