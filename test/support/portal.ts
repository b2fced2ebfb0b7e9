import { request } from 'node:http';

/** An answer to a portal. */
export interface PortalAnswer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: portals read answers without knowing their types
  readonly body: any;
}

/** Speaks with the server as the portal's page does: by its headers, and with or without the slash at the end of a path. */
export class Portal {
  constructor(
    private readonly baseUrl: string,
    private readonly token: string,
    private readonly slash: '' | '/',
  ) {}

  get(path: string): Promise<PortalAnswer> {
    return this.send('GET', path);
  }

  post(path: string, body: unknown): Promise<PortalAnswer> {
    return this.send('POST', path, JSON.stringify(body));
  }

  /** @param body Absent: the portal sends none, but says that it is JSON. */
  put(path: string, body?: unknown): Promise<PortalAnswer> {
    return this.send('PUT', path, body === undefined ? undefined : JSON.stringify(body));
  }

  delete(path: string): Promise<PortalAnswer> {
    return this.send('DELETE', path);
  }

  private async send(method: string, path: string, body?: string): Promise<PortalAnswer> {
    const [name = '', query] = path.split('?', 2);
    const url = `${this.baseUrl}${name}${this.slash}${query === undefined ? '' : `?${query}`}`;
    const headers = {
      'Content-Type': 'application/json',
      'UWS-Authorization': `Token ${this.token}`,
      Origin: 'https://portal.example.org',
    };
    const response = await fetch(url, { method, headers, redirect: 'manual', ...(body !== undefined && { body }) });
    return { status: response.status, headers: response.headers, body: await response.json() };
  }
}

/** The portal's own server signs a user in: JSON text, and no word on its type. */
export function portalSignIn(baseUrl: string, path: string, body: unknown): Promise<PortalAnswer> {
  const text = JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const headers = { 'Content-Length': Buffer.byteLength(text) };
    const sent = request(baseUrl + path, { method: 'POST', headers, agent: false }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('error', reject);
      response.on('end', () => {
        const status = response.statusCode ?? 0;
        resolve({ status, headers: new Headers(), body: JSON.parse(Buffer.concat(parts).toString()) });
      });
    });
    sent.on('error', reject);
    sent.end(text);
  });
}
