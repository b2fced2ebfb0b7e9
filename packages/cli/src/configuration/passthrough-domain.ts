import { isIP } from 'node:net';

/** What a configured pass-through domain comes to. */
export type PassthroughForm =
  /** Sessions appear below `/passthrough/` of the server's own address. */
  | { readonly form: 'path'; readonly reason: string | undefined }
  /** Sessions appear under sub-domains of this host, which may carry a port. */
  | { readonly form: 'sub-domain'; readonly domain: string }
  | { readonly form: 'wrong'; readonly message: string };

/**
 * Reads a pass-through domain as old configurations write it: with or without a scheme, and often the address of the
 * server itself. An IP address has no sub-domains and `localhost` none that are looked up everywhere, so these mean the
 * path form.
 */
export function passthroughForm(value: string): PassthroughForm {
  if (value.trim() === '') return { form: 'path', reason: undefined };
  const address = /^https?:\/\//i.test(value) ? value : `http://${value}`;
  const url = URL.canParse(address) ? new URL(address) : undefined;
  const isPlain = url && url.pathname === '/' && !url.search && !url.hash && !url.username && !url.password;
  if (!isPlain) return { form: 'wrong', message: 'must be a host name, with a port if needed' };
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (isIP(host) !== 0) return { form: 'path', reason: 'an IP address has no sub-domains' };
  if (host === 'localhost') return { form: 'path', reason: 'sub-domains of localhost are not known to every browser' };
  if (!/^(?!-)[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})*$/.test(host)) {
    return { form: 'wrong', message: 'must be a host name, with a port if needed' };
  }
  // The default port of the scheme is left out by the URL, as browsers leave it out.
  return { form: 'sub-domain', domain: url.host };
}
