import { AdapterError } from '@user-workspaces/contract';
import { type HttpAnswer, jsonOf } from '../rest/http.js';

/** A token is fetched anew when less than this is left of it. */
const renewSeconds = 60;

/** The tokens by which the cluster knows whose a request is: the gateway makes them, and each is used until shortly before its end. */
export class FetchedTokens {
  private readonly fetched = new Map<string, { readonly token: string; readonly expiresAtSeconds: number }>();

  constructor(private readonly fetch: (user: string, signal?: AbortSignal) => Promise<HttpAnswer>) {}

  /** @throws AdapterError `unavailable` when the gateway gives none. */
  async of(user: string, signal?: AbortSignal): Promise<string> {
    const known = this.fetched.get(user);
    if (known && known.expiresAtSeconds - Date.now() / 1000 > renewSeconds) return known.token;
    const answer = await this.fetch(user, signal);
    const token = answer.status === 200 || answer.status === 201 ? jsonOf(answer)?.slurm_token : undefined;
    if (typeof token !== 'string')
      throw new AdapterError('unavailable', `The gateway gives no token for ${user}: it answers ${answer.status}.`);
    this.fetched.set(user, { token, expiresAtSeconds: endOf(token) });
    return token;
  }

  /** After a refusal. */
  drop(user: string): void {
    this.fetched.delete(user);
  }
}

/** When a token ends, in seconds since 1970. One that does not say so is used once. */
function endOf(token: string): number {
  const claims = jsonOf({ status: 200, text: Buffer.from(token.split('.')[1] ?? '', 'base64url').toString() });
  return typeof claims?.exp === 'number' ? claims.exp : 0;
}
