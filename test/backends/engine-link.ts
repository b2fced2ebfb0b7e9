import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** A relay between an adapter and a real engine that counts requests and bytes, can be cut, and can lose answers: the engine has then done what it was asked. */
export class EngineLink {
  requests = 0;
  /** Bytes of answers that were taken from the engine. */
  answeredBytes = 0;
  private isCut = false;
  private losing: RegExp | undefined;
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    readonly socket: string,
  ) {}

  static async open(socket: string, engineSocket: string): Promise<EngineLink> {
    const server = createServer();
    const link = new EngineLink(server, socket);
    server.on('connection', (connection: Socket) => {
      if (link.isCut) connection.destroy();
      link.sockets.add(connection);
      connection.once('close', () => link.sockets.delete(connection));
    });
    server.on('request', (asked: IncomingMessage, answer: ServerResponse) => link.pass(asked, answer, engineSocket));
    server.listen(socket);
    await once(server, 'listening');
    return link;
  }

  get url(): string {
    return `unix://${this.socket}`;
  }

  cut(): void {
    this.isCut = true;
    for (const connection of this.sockets) connection.destroy();
  }

  restore(): void {
    this.isCut = false;
  }

  /** Loses the answer of the next request whose method and path fit. */
  loseNext(pattern: RegExp): void {
    this.losing = pattern;
  }

  async close(): Promise<void> {
    this.cut();
    this.server.close();
    await once(this.server, 'close');
  }

  private pass(asked: IncomingMessage, answer: ServerResponse, socketPath: string): void {
    this.requests += 1;
    const { method, url: path, headers } = asked;
    const isLost = this.losing?.test(`${method} ${path}`) ?? false;
    if (isLost) this.losing = undefined;
    const sent = request({ socketPath, method, path, headers }, (answered) => {
      if (isLost) {
        answered.resume().once('end', () => answer.destroy());
        return;
      }
      answer.writeHead(answered.statusCode ?? 502, answered.headers);
      answer.flushHeaders();
      answered.on('data', (piece: Buffer) => {
        this.answeredBytes += piece.length;
      });
      answered.pipe(answer);
      answered.once('error', () => answer.destroy());
    });
    sent.once('error', () => answer.destroy());
    answer.once('close', () => sent.destroy());
    asked.pipe(sent);
  }
}
