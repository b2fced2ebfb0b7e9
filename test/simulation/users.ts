import { startJob, stopJob } from '../../packages/server/src/services/jobs.js';
import {
  acceptShare,
  bySide,
  createShares,
  deleteShare,
  listShares,
} from '../../packages/server/src/services/shares.js';
import { openWorkspace } from '../../packages/server/src/services/workspace-access.js';
import { createWorkspace, deleteWorkspace, updateWorkspace } from '../../packages/server/src/services/workspaces.js';
import type { Ledger } from './ledger.js';
import type { Replica } from './replica.js';
import { type Answer, type Order, send } from './requests.js';
import type { World } from './world.js';

/** A user of several replicas, who repeats what was not answered. */
export class User {
  readonly #id: number;
  readonly #world: World;
  readonly #replicas: readonly Replica[];
  readonly #ledger: Ledger;
  readonly #otherIds: readonly number[];
  readonly #workspaces: number[] = [];
  readonly #jobs: number[] = [];
  readonly #sharedWith = new Set<string>();
  #lastTag = 0;
  #isOver = false;

  constructor(world: World, id: number, others: readonly number[], replicas: readonly Replica[], ledger: Ledger) {
    this.#world = world;
    this.#id = id;
    this.#otherIds = others.filter((other) => other !== id);
    this.#replicas = replicas;
    this.#ledger = ledger;
  }

  /** Asks for nothing new; what is under way is finished. */
  rest(): void {
    this.#isOver = true;
  }

  async live(): Promise<void> {
    const { random, outside } = this.#world;
    while (!this.#isOver) {
      await this.#world.pause(random.below(2_000), outside, `user ${this.#id} thinks`);
      if (this.#isOver) return;
      const choice = random.below(100);
      if (this.#workspaces.length === 0 || choice < 12) await this.#create();
      else if (choice < 45) await this.#start();
      else if (choice < 60) await this.#stop();
      else if (choice < 72) await this.#update();
      else if (choice < 80) await this.#delete();
      else if (choice < 90) await this.#share();
      else await this.#lookAtShares();
    }
  }

  /** Repeats a request until somebody answers it; now and then two replicas are asked at once. */
  async #insist<R>(order: Order<R>): Promise<Answer<R>> {
    const { random, outside } = this.#world;
    for (let attempt = 0; ; attempt++) {
      const replica = random.pick(this.#choices());
      const isDoubled = order.key !== undefined && random.next() < 0.1;
      const answers = await Promise.all([
        send(this.#world, replica, order),
        ...(isDoubled ? [send(this.#world, random.pick(this.#choices()), order)] : []),
      ]);
      const done = answers.find((answer) => answer.kind === 'done');
      if (done) {
        this.#ledger.answers += 1;
        return done;
      }
      const final = answers.find(
        (answer) =>
          answer.kind === 'refused' &&
          !['unavailable', 'idempotency_conflict', 'internal', 'disk_full'].includes(answer.code),
      );
      if (final) {
        this.#ledger.refusals += 1;
        return final;
      }
      // Some users give up.
      if (random.next() < 0.15 || (this.#isOver && attempt > 3)) return { kind: 'silence' };
      await this.#world.pause(random.below(5_000), outside, `user ${this.#id} will ask again`);
    }
  }

  #choices(): [Replica, ...Replica[]] {
    const [first, ...rest] = this.#replicas;
    if (!first) throw new Error('There is no replica.');
    return [first, ...rest];
  }

  #tag(): string {
    this.#lastTag += 1;
    return `u${this.#id}.${this.#lastTag}`;
  }

  #pick(from: readonly number[]): number {
    return from[this.#world.random.below(from.length)] ?? 0;
  }

  async #create(): Promise<void> {
    const tag = this.#tag();
    const files =
      this.#world.random.next() < 0.7
        ? [
            { name: 'a', content: tag },
            { name: 'empty', content: '' },
          ]
        : [];
    const body = { name: tag, description: '', workspace_details: { files } };
    const answer = await this.#insist({
      userId: this.#id,
      operationId: 'createWorkspace',
      key: tag,
      bodyText: JSON.stringify(body),
      serve: ({ context, caller, idempotency, signal }) =>
        createWorkspace(context, caller, async () => body, idempotency, signal),
    });
    if (answer.kind !== 'done') return;
    const contents = new Set(files.length > 0 ? [tag] : []);
    this.#ledger.workspaces.set(answer.value.id, { userId: this.#id, contents });
    this.#workspaces.push(answer.value.id);
  }

  async #start(): Promise<void> {
    const tag = this.#tag();
    const { random } = this.#world;
    const id = this.#pick(this.#workspaces);
    const plan = {
      tag,
      queuedMs: random.below(10_000),
      runsMs: random.next() < 0.2 ? 1e9 : random.below(60_000),
      exitCode: random.below(3),
      isRefused: random.next() < 0.05 ? 1 : 0,
      hasSession: random.below(2),
    };
    const isAttended = plan.hasSession === 1 && random.next() < 0.6;
    const body = {
      job_type: isAttended ? 'attended' : 'planned',
      resource: random.pick(['host', 'cluster']),
      job_details: isAttended && random.next() < 0.7 ? { ...plan, runsMs: 1e9 } : plan,
    };
    const answer = await this.#insist({
      userId: this.#id,
      operationId: 'startWorkspace',
      key: tag,
      bodyText: JSON.stringify(body),
      serve: async ({ context, caller, idempotency }) =>
        startJob(context, caller, await openWorkspace(context, caller, id), body, idempotency),
    });
    if (answer.kind !== 'done') return;
    this.#ledger.jobs.add(answer.value.id);
    this.#jobs.push(answer.value.id);
  }

  async #stop(): Promise<void> {
    if (this.#jobs.length === 0) return;
    const id = this.#pick(this.#jobs.slice(-4));
    const answer = await this.#insist({
      userId: this.#id,
      operationId: 'stopJob',
      bodyText: `job ${id}`,
      serve: ({ context, caller }) => stopJob(context, caller, id),
    });
    if (answer.kind === 'done') this.#ledger.stopped.add(id);
  }

  async #update(): Promise<void> {
    const tag = this.#tag();
    const id = this.#pick(this.#workspaces);
    const hasFiles = this.#world.random.next() < 0.8;
    const body = {
      description: tag,
      ...(hasFiles && {
        workspace_details: {
          files: [
            { name: 'a', content: tag },
            { name: 'empty', content: '' },
          ],
        },
      }),
    };
    const kept = this.#ledger.workspaces.get(id);
    // Without an answer it may still be done at any time.
    if (hasFiles) kept?.contents.add(tag);
    await this.#insist({
      userId: this.#id,
      operationId: 'updateWorkspace',
      bodyText: `workspace ${id} ${JSON.stringify(body)}`,
      serve: async ({ context, caller, signal }) =>
        updateWorkspace(context, caller, await openWorkspace(context, caller, id), body, signal),
    });
  }

  async #delete(): Promise<void> {
    const id = this.#pick(this.#workspaces);
    const isForced = this.#world.random.next() < 0.6;
    this.#ledger.maybeDeleted.add(id);
    const answer = await this.#insist({
      userId: this.#id,
      operationId: 'deleteWorkspace',
      bodyText: `workspace ${id}${isForced ? ' with force' : ''}`,
      serve: async ({ context, caller }) =>
        deleteWorkspace(context, caller, await openWorkspace(context, caller, id), isForced),
    });
    const isGone = answer.kind === 'done' || (answer.kind === 'refused' && answer.code === 'not_found');
    if (!isGone) return;
    this.#ledger.deleted.add(id);
    // Now and then it is used as if it were still there.
    if (this.#world.random.next() < 0.8) this.#workspaces.splice(this.#workspaces.indexOf(id), 1);
  }

  async #share(): Promise<void> {
    const tag = this.#tag();
    const originalId = this.#pick(this.#workspaces);
    const receiverId = this.#pick(this.#otherIds);
    if (receiverId === 0 || this.#sharedWith.has(`${originalId} ${receiverId}`)) return;
    this.#sharedWith.add(`${originalId} ${receiverId}`);
    const body = { original_workspace_id: originalId, shared_user_ids: [receiverId] };
    const answer = await this.#insist({
      userId: this.#id,
      operationId: 'createShares',
      key: tag,
      bodyText: JSON.stringify(body),
      serve: ({ context, caller, idempotency, signal }) => createShares(context, caller, body, idempotency, signal),
    });
    if (answer.kind !== 'done') return;
    for (const share of answer.value) {
      this.#ledger.shares.set(share.shared_workspace_id.id, { originalId, senderId: this.#id, receiverId });
    }
    const [made] = answer.value;
    if (made && this.#world.random.next() < 0.25) await this.#cancel(made.shared_workspace_id.id);
  }

  async #lookAtShares(): Promise<void> {
    const listed = await this.#insist({
      userId: this.#id,
      operationId: 'listShares',
      bodyText: '',
      serve: ({ context, caller }) => listShares(context, caller, { where: { is_accepted: false } }),
    });
    const share = listed.kind === 'done' ? bySide(listed.value).received[0] : undefined;
    if (!share) return;
    const id = share.shared_workspace_id.id;
    if (this.#world.random.next() < 0.3 || share.status === 'error') return this.#cancel(id);
    const answer = await this.#insist({
      userId: this.#id,
      operationId: 'acceptShare',
      bodyText: `share ${id}`,
      serve: ({ context, caller }) => acceptShare(context, caller, id),
    });
    if (answer.kind !== 'done') return;
    this.#ledger.accepted.add(id);
    this.#workspaces.push(id);
  }

  async #cancel(id: number): Promise<void> {
    this.#ledger.maybeCancelled.add(id);
    const answer = await this.#insist({
      userId: this.#id,
      operationId: 'deleteShare',
      bodyText: `share ${id}`,
      serve: ({ context, caller }) => deleteShare(context, caller, id),
    });
    if (answer.kind === 'done') this.#ledger.cancelled.add(id);
  }
}
