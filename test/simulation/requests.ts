import type { OperationId } from '@user-workspaces/schema';
import { toApiError } from '../../packages/server/src/http/api-error.js';
import type { Caller } from '../../packages/server/src/http/handler.js';
import type { ServerContext } from '../../packages/server/src/server-context.js';
import { type Idempotency, idempotency } from '../../packages/server/src/services/idempotency.js';
import type { Replica } from './replica.js';
import type { World } from './world.js';

/** What a service gets of a request. */
export interface Served {
  readonly context: ServerContext;
  readonly caller: Caller;
  readonly idempotency: Idempotency | undefined;
  readonly signal: AbortSignal;
}

export interface Order<R> {
  readonly userId: number;
  readonly operationId: OperationId;
  readonly key?: string;
  readonly bodyText: string;
  readonly serve: (served: Served) => Promise<R>;
}

/** What a user hears; nothing where no answer came. */
export type Answer<R> =
  | { readonly kind: 'done'; readonly value: R }
  | { readonly kind: 'refused'; readonly code: string }
  | { readonly kind: 'silence' };

const patienceMs = 40_000;

/** Sends one request to one replica, which may die over it. */
export function send<R>(world: World, replica: Replica, order: Order<R>): Promise<Answer<R>> {
  const { actor, context } = replica;
  const { outside, random } = world;
  const gone = new AbortController();
  return new Promise((resolve) => {
    const waiting = world.after(
      patienceMs,
      outside,
      `user ${order.userId} waits no longer for ${order.operationId}`,
      () => {
        world.after(0, actor, 'a caller has gone away', () => gone.abort(new Error('The caller has gone away.')));
        resolve({ kind: 'silence' });
      },
    );
    const answer = (value: Answer<R>): void => {
      world.after(
        random.below(5),
        outside,
        `user ${order.userId} hears of ${order.operationId}: ${describe(value)}`,
        () => {
          world.cancel(waiting);
          resolve(value);
        },
      );
    };
    world.after(random.below(5), actor, `serves ${order.operationId} ${order.bodyText}`, () => {
      serve(context, order, gone.signal).then(
        (value) => answer({ kind: 'done', value }),
        (error: unknown) => {
          const { code } = toApiError(error);
          if (code === 'internal' && !gone.signal.aborted) replica.reportUnforeseen(error);
          answer({ kind: 'refused', code });
        },
      );
    });
  });
}

async function serve<R>(context: ServerContext, order: Order<R>, signal: AbortSignal): Promise<R> {
  const user = await context.database.findOne('users', { id: order.userId });
  if (!user) throw new Error(`User ${order.userId} is not there.`);
  const { operationId, key, bodyText } = order;
  const claimed =
    key === undefined
      ? undefined
      : idempotency(context.database, { userId: user.id, operationId, key }, [bodyText], context.clock.now());
  return order.serve({
    context,
    caller: { user, tokenId: 1, origin: { address: null, requestId: null } },
    idempotency: claimed,
    signal,
  });
}

function describe(answer: Answer<unknown>): string {
  return answer.kind === 'refused' ? answer.code : answer.kind;
}
