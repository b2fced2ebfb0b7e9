import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import type { Fixture } from '../files/fixture.js';

export interface Message {
  /** The number alone. */
  readonly id: number;
  /** As a browser sends it back. */
  readonly fullId: string;
  readonly event: string;
  readonly data: { readonly type: string; readonly id: number; readonly [field: string]: unknown };
}

/** An event stream read as a browser reads it. */
export class StreamReader {
  readonly messages: Message[] = [];
  readonly comments: string[] = [];
  isEnded = false;
  answer: IncomingMessage | undefined;
  readonly #request: ClientRequest;
  #rest = '';
  #wake: () => void = () => undefined;

  constructor(
    server: Fixture,
    options: { lastEventId?: number | string; query?: string; token?: string; paused?: boolean } = {},
  ) {
    this.#request = request(
      {
        port: server.port,
        path: `/events/${options.query ?? ''}`,
        headers: {
          Authorization: `Token ${options.token ?? server.token}`,
          ...(options.lastEventId !== undefined && { 'Last-Event-ID': String(options.lastEventId) }),
        },
      },
      (answer) => {
        this.answer = answer;
        answer.setEncoding('utf8');
        answer.on('close', () => {
          this.isEnded = true;
          this.#wake();
        });
        answer.on('error', () => undefined);
        if (!options.paused) this.resume();
        this.#wake();
      },
    );
    this.#request.on('error', () => {
      this.isEnded = true;
      this.#wake();
    });
    this.#request.end();
  }

  resume(): void {
    this.answer?.on('data', (text: string) => {
      const blocks = (this.#rest + text).split('\n\n');
      this.#rest = blocks.pop() ?? '';
      for (const block of blocks) this.#take(block);
      this.#wake();
    });
  }

  /** Waits until something holds; fails after ten seconds. */
  async until(condition: () => boolean): Promise<void> {
    const end = Date.now() + 10_000;
    while (!condition()) {
      if (Date.now() > end) throw new Error(`Not in time; got ${this.messages.length} messages.`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        setTimeout(resolve, 50);
      });
    }
  }

  close(): void {
    this.#request.destroy();
  }

  #take(block: string): void {
    if (block.startsWith(':')) {
      this.comments.push(block);
      return;
    }
    const fields = Object.fromEntries(block.split('\n').map((line) => line.split(/: (.*)/s).slice(0, 2)));
    if (fields.data === undefined) return;
    const { id: fullId, event, data } = fields;
    this.messages.push({ id: Number.parseInt(fullId, 10), fullId, event, data: JSON.parse(data) });
  }
}
