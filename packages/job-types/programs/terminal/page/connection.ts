import { closeCodes, type FromPage, type FromProgram } from '../protocol.js';

export type State =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'connected' }
  /** Tries again by itself. `isGone`: the session does not answer at all. */
  | { readonly kind: 'lost'; readonly isGone: boolean }
  | { readonly kind: 'ended'; readonly exitCode: number; readonly signal: number }
  | { readonly kind: 'taken' }
  | { readonly kind: 'refused'; readonly reason: string };

interface Handlers {
  readonly state: (state: State) => void;
  /** What is shown belongs to another shell, or has a gap. */
  readonly clear: () => void;
  /** `drawn` is to be called when the bytes are on the screen. */
  readonly output: (bytes: Uint8Array, drawn: () => void) => void;
  readonly size: () => { readonly columns: number; readonly rows: number };
}

const storageKey = `shell ${location.pathname}`;
const firstDelayMs = 500;
const lastDelayMs = 8_000;

/** The page's end of the line to its shell: reconnects by itself and asks only for the output that it has not seen. */
export class Connection {
  private socket: WebSocket | undefined;
  private shell = sessionStorage.getItem(storageKey) ?? '';
  private seen = 0;
  /** True once nothing more is to come: no reconnection by itself. */
  private isOver = false;
  private delayMs = firstDelayMs;
  private timer = 0;

  constructor(private readonly handlers: Handlers) {
    addEventListener('online', () => this.retryNow());
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden) this.retryNow();
    });
  }

  open(): void {
    this.isOver = false;
    this.handlers.state({ kind: 'connecting' });
    const socket = new WebSocket(this.address());
    socket.binaryType = 'arraybuffer';
    socket.onmessage = ({ data }) => {
      if (typeof data === 'string') this.take(JSON.parse(data));
      else this.draw(new Uint8Array(data));
    };
    socket.onclose = (event) => {
      if (this.socket === socket) this.closed(event);
    };
    this.socket = socket;
  }

  /** Leaves the present shell behind and begins another. */
  openNew(): void {
    this.shell = 'new';
    this.seen = 0;
    this.socket?.close();
    this.socket = undefined;
    this.open();
  }

  send(message: FromPage): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  private address(): URL {
    // The session's own directory: its first page may be asked for without the last slash, or with a file's name that a portal added.
    const address = new URL(location.href);
    const directory = address.pathname.replace(/\/tree\/.*$/, '').replace(/\/$/, '');
    address.pathname = `${directory}/shell`;
    address.protocol = address.protocol.replace('http', 'ws');
    const { columns, rows } = this.handlers.size();
    const query = { shell: this.shell, seen: this.seen, columns, rows };
    for (const [key, value] of Object.entries(query)) address.searchParams.set(key, String(value));
    return address;
  }

  private take(message: FromProgram): void {
    if (message.type === 'ended') {
      this.isOver = true;
      this.handlers.state({ kind: 'ended', exitCode: message.exitCode, signal: message.signal });
      return;
    }
    this.shell = message.shell;
    this.seen = message.offset;
    sessionStorage.setItem(storageKey, message.shell);
    this.delayMs = firstDelayMs;
    if (message.clear) this.handlers.clear();
    this.handlers.state({ kind: 'connected' });
  }

  private draw(bytes: Uint8Array): void {
    this.seen += bytes.length;
    const offset = this.seen;
    this.handlers.output(bytes, () => this.send({ type: 'drawn', offset }));
  }

  private closed(event: CloseEvent): void {
    this.socket = undefined;
    if (this.isOver) return;
    if (event.code === closeCodes.taken || event.code === closeCodes.refused || event.code === closeCodes.malformed) {
      this.isOver = true;
      const state: State =
        event.code === closeCodes.taken ? { kind: 'taken' } : { kind: 'refused', reason: event.reason };
      this.handlers.state(state);
      return;
    }
    void this.retryLater();
  }

  private async retryLater(): Promise<void> {
    const ready = new URL(this.address());
    ready.protocol = location.protocol;
    ready.pathname = ready.pathname.replace(/shell$/, 'ready');
    ready.search = '';
    const isGone = await fetch(ready, { cache: 'no-store' }).then(
      (answer) => !answer.ok,
      () => true,
    );
    this.handlers.state({ kind: 'lost', isGone });
    this.timer = setTimeout(() => this.retryNow(), this.delayMs);
    this.delayMs = Math.min(this.delayMs * 2, lastDelayMs);
  }

  private retryNow(): void {
    clearTimeout(this.timer);
    if (!this.socket && !this.isOver) this.open();
  }
}
