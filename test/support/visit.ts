/** Where an address led. */
export interface Visit {
  readonly response: Response;
  readonly url: string;
  /** For further visits: what the answers set. */
  readonly cookie: string;
  /** Each address on the way, the last one included. */
  readonly addresses: readonly string[];
}

/** Opens an address as a browser's address bar does: follows redirects and keeps cookies. */
export async function visit(address: string, cookie = ''): Promise<Visit> {
  const jar = new Map(cookie === '' ? [] : cookie.split('; ').map((pair) => splitOnce(pair, '=')));
  const addresses: string[] = [];
  let url = address;
  for (let step = 0; step < 5; step++) {
    addresses.push(url);
    const response = await fetch(url, {
      redirect: 'manual',
      headers: { Accept: 'text/html', Cookie: cookieOf(jar) },
    });
    for (const set of response.headers.getSetCookie()) jar.set(...splitOnce(set.split(';', 1)[0] ?? '', '='));
    const location = response.headers.get('location');
    if (response.status < 300 || response.status > 399 || location === null) {
      return { response, url, cookie: cookieOf(jar), addresses };
    }
    await response.body?.cancel();
    url = new URL(location, url).href;
  }
  throw new Error(`Redirected too often: ${addresses.join(' → ')}`);
}

function cookieOf(jar: ReadonlyMap<string, string>): string {
  return [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + separator.length)];
}
