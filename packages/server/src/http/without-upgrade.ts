import type { Server as HttpServer, IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

/**
 * Has a request served as if it had not offered to change the protocol, which a server may always decline: by going on without a word of it. Programs offer HTTP/2
 * (`Upgrade: h2c`) with the first request of a connection and want its answer all the same.
 *
 * Node has let go of the socket by then, so the request is put back in front of what follows it, without the offer, and the socket given back.
 */
export function serveWithoutUpgrade(server: HttpServer, request: IncomingMessage, socket: Duplex, rest: Buffer): void {
  const lines = [`${request.method} ${request.url} HTTP/${request.httpVersion}`];
  const { rawHeaders } = request;
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const [name = '', value = ''] = [rawHeaders[at], rawHeaders[at + 1]];
    if (isOffer(name)) continue;
    lines.push(`${name}: ${name.toLowerCase() === 'connection' ? withoutOffers(value) : value}`);
  }
  // The parser let no line break into what it read.
  socket.unshift(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), rest]));
  server.emit('encrypted' in socket ? 'secureConnection' : 'connection', socket);
}

function isOffer(name: string): boolean {
  return ['upgrade', 'http2-settings'].includes(name.toLowerCase());
}

/** What else the header says of the connection, such as `close`. */
function withoutOffers(connection: string): string {
  const options = connection.split(',').map((option) => option.trim());
  return options.filter((option) => option !== '' && !isOffer(option)).join(', ');
}
