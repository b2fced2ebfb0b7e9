import { createHmac } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { AdapterError } from '@user-workspaces/contract';

const lifetimeSeconds = 1800;
/** A token is made anew when less than this is left of it. */
const renewSeconds = 300;

/** Makes the tokens by which slurmrestd knows who asks (JWT, HS256), with the key that the cluster has in `AuthAltParameters`. */
export class Tokens {
  private readonly made = new Map<string, { readonly token: string; readonly expiresAtSeconds: number }>();

  constructor(private readonly keyFile: string) {}

  /** @throws AdapterError `unavailable` when the key cannot be read. */
  async of(user: string): Promise<string> {
    const nowSeconds = Math.floor(Date.now() / 1000);
    const known = this.made.get(user);
    if (known && known.expiresAtSeconds - nowSeconds > renewSeconds) return known.token;
    const expiresAtSeconds = nowSeconds + lifetimeSeconds;
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ exp: expiresAtSeconds, iat: nowSeconds, sun: user })}`;
    const signature = createHmac('sha256', await this.key())
      .update(signed)
      .digest('base64url');
    const token = `${signed}.${signature}`;
    this.made.set(user, { token, expiresAtSeconds });
    return token;
  }

  /** After a refusal: the cluster may have another key or another time. */
  drop(user: string): void {
    this.made.delete(user);
  }

  private async key(): Promise<Buffer> {
    try {
      return await readFile(this.keyFile);
    } catch (error) {
      throw new AdapterError('unavailable', `The key for the cluster's tokens cannot be read from ${this.keyFile}.`, {
        cause: error,
      });
    }
  }
}
