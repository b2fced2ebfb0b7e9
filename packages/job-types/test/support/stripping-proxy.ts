import { createServer, request, type Server } from 'node:http';
import { connect, type Socket } from 'node:net';

/** The server's session proxy in small, as `strip` asks for: takes the base path away, keeps the Host header, relays upgrades. */
export class StrippingProxy {
  private readonly sockets = new Set<Socket>();
  private constructor(
    private readonly server: Server,
    readonly address: string,
  ) {}

  static async open(target: string, basePath: string): Promise<StrippingProxy> {
    const { hostname, port } = new URL(target);
    const strip = (url = '/') => {
      const rest = url.slice(basePath.length);
      return rest.startsWith('/') ? rest : `/${rest}`;
    };
    const server = createServer((incoming, outgoing) => {
      const { method, headers, url } = incoming;
      const onward = request({ hostname, port, method, headers, path: strip(url) }, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
      });
      onward.on('error', () => outgoing.writeHead(502).end());
      incoming.pipe(onward);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const listening = server.address();
    if (listening === null || typeof listening === 'string') throw new Error('The proxy does not listen.');
    const proxy = new StrippingProxy(server, `http://127.0.0.1:${listening.port}${basePath}`);
    server.on('upgrade', (incoming, socket, head) => {
      const onward = connect(Number(port), hostname, () => {
        const lines = [`GET ${strip(incoming.url)} HTTP/1.1`];
        for (let i = 0; i < incoming.rawHeaders.length; i += 2) {
          lines.push(`${incoming.rawHeaders[i]}: ${incoming.rawHeaders[i + 1]}`);
        }
        onward.write(`${lines.join('\r\n')}\r\n\r\n`);
        onward.write(head);
        onward.pipe(socket).pipe(onward);
      });
      proxy.sockets.add(onward);
      onward.on('error', () => socket.destroy()).on('close', () => socket.destroy());
      socket.on('error', () => onward.destroy()).on('close', () => onward.destroy());
    });
    return proxy;
  }

  /** Cuts all lines, as a lost network does; the next ones are accepted. */
  cut(): void {
    for (const socket of this.sockets) socket.destroy();
    this.sockets.clear();
  }

  close(): void {
    this.cut();
    this.server.close();
  }
}
