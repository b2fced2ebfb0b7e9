import { WebSocket } from 'ws';
import type { FromPage, FromProgram } from '../../programs/terminal/protocol.js';
import { sessionToken, until } from './resource.js';

type Attached = Extract<FromProgram, { type: 'attached' }>;

/** A page of the terminal without a browser. */
export class TerminalClient {
  text = '';
  bytes = 0;
  attached: Attached | undefined;
  ended: FromProgram | undefined;
  closed: { code: number; reason: string } | undefined;
  /** As a page does that draws: tells how far it has come. */
  draws = true;
  private readonly socket: WebSocket;

  constructor(base: string, query: Record<string, string> = {}, headers: Record<string, string> = {}) {
    const address = new URL(`${base.replace('http', 'ws')}/shell`);
    for (const [key, value] of Object.entries({ token: sessionToken, ...query })) address.searchParams.set(key, value);
    this.socket = new WebSocket(address, { headers });
    this.socket.on('message', (data: Buffer, isBinary) => {
      if (isBinary) {
        this.text += data.toString();
        this.bytes += data.length;
        if (this.draws) this.send({ type: 'drawn', offset: (this.attached?.offset ?? 0) + this.bytes });
        return;
      }
      const message = JSON.parse(data.toString()) as FromProgram;
      if (message.type === 'attached') this.attached = message;
      else this.ended = message;
    });
    this.socket.on('close', (code, reason) => {
      this.closed ??= { code, reason: reason.toString() };
    });
    this.socket.on('error', (error) => {
      this.closed = { code: 0, reason: error.message };
    });
  }

  send(message: FromPage): void {
    this.sendText(JSON.stringify(message));
  }

  sendText(text: string): void {
    this.socket.send(text);
  }

  type(data: string): void {
    this.send({ type: 'input', data });
  }

  close(): void {
    this.socket.close();
  }

  wait<T>(ask: () => T | undefined, timeoutMs = 8_000): Promise<T> {
    return until(ask, timeoutMs, () => `${JSON.stringify(this.closed)} ${this.text.slice(-2_000)}`);
  }

  async opened(): Promise<Attached> {
    return this.wait(() => this.attached);
  }

  async shows(text: string): Promise<void> {
    await this.wait(() => (this.text.includes(text) ? true : undefined));
  }
}
