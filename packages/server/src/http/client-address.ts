import type { IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';

/** Whether a text is an IP address, or a range of them such as `10.0.0.0/8`. */
export function isAddressRange(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/');
  const family = isIP(address);
  if (family === 0 || address.includes('%') || rest.length > 0) return false;
  return bits === undefined || (/^(0|[1-9][0-9]{0,2})$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
}

/** Tells the addresses of some ranges from others, in whichever way IPv4 is written on a socket that serves IPv6 too. */
export function addressesWithin(ranges: readonly string[]): (address: string) => boolean {
  const list = new BlockList();
  for (const range of ranges) {
    const [address = '', bits] = range.split('/');
    const family = isIP(address) === 4 ? 'ipv4' : 'ipv6';
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(bits), family);
  }
  return (address) => {
    const plain = withoutMapping(address);
    const family = isIP(plain);
    return family !== 0 && list.check(plain, family === 4 ? 'ipv4' : 'ipv6');
  };
}

/**
 * The address of whoever sent a request: the peer's, or what trusted peers say of whom they had it from. Read from the end of X-Forwarded-For, as
 * its beginning is whatever the client wrote.
 */
export function clientAddress(request: IncomingMessage, isTrusted: (address: string) => boolean): string {
  let address = withoutMapping(request.socket.remoteAddress ?? '');
  const told = String(request.headers['x-forwarded-for'] ?? '').split(',');
  while (isTrusted(address)) {
    const earlier = withoutMapping(told.pop()?.trim() ?? '');
    if (isIP(earlier) === 0) break;
    address = earlier;
  }
  return address;
}

function withoutMapping(address: string): string {
  const plain = address.toLowerCase().startsWith('::ffff:') ? address.slice(7) : address;
  return isIP(plain) === 4 ? plain : (address.split('%', 1)[0] ?? '');
}
