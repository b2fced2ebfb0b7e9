import type { Caller } from '../http/handler.js';
import type { ServerContext } from '../server-context.js';

/** Whether a caller's token and account are still good: a stream may outlive both. */
export async function isStillWelcome(context: ServerContext, { user, tokenId }: Caller): Promise<boolean> {
  const { database, clock } = context;
  const token = await database.findOne('tokens', { id: tokenId, expires_at_ms: { gt: clock.now() } });
  return token !== undefined && (await database.findOne('users', { id: user.id, is_active: true })) !== undefined;
}
