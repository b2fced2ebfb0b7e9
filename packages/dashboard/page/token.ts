const key = 'uws-token';

/**
 * The token of this tab. It is kept in sessionStorage, never in a cookie: sessions in the path form share this page's origin, and the API
 * takes no cookie for that reason.
 */
export function readToken(): string | undefined {
  return sessionStorage.getItem(key) ?? undefined;
}

export function keepToken(token: string | undefined): void {
  if (token === undefined) sessionStorage.removeItem(key);
  else sessionStorage.setItem(key, token);
}

/** Takes the token out of a sign-in link, so that it stays neither in the address bar nor in the history. */
export function takeTokenOfLink(): string | undefined {
  const token = new URLSearchParams(location.hash.slice(1)).get('token');
  if (token === null) return undefined;
  history.replaceState(null, '', location.pathname + location.search);
  return token;
}

/** The token in what somebody pasted: a sign-in link, or the token itself. */
export function tokenOfText(text: string): string {
  const trimmed = text.trim();
  return new URLSearchParams(trimmed.split('#')[1] ?? '').get('token') ?? trimmed;
}
