import type { Socket } from 'node:net';
import { closeFrame, FrameTracker, pingFrame } from './frames.js';

/** Sweeps in one ping interval. */
export const sweepsPerPing = 5;
/** A browser that answers neither a ping nor takes what waits for it in this many sweeps is gone. */
const sweepsUntilDead = 2 * sweepsPerPing;

const keepAliveMs = 30_000;

export interface RelayHooks {
  /** A data frame passed, in either direction. */
  readonly onData: () => void;
  /** Both sockets are closed. */
  readonly onClosed: () => void;
  readonly onPing: () => void;
  readonly lingerMs: number;
}

/**
 * Two sockets of one WebSocket after its handshake. Bytes pass as they come, each direction waiting for the other side to take them; pings for
 * the browser are put between frames, so extensions and fragments stay end to end. The browser's pong reaches the application, which
 * ignores it as RFC 6455, 5.5.3 says. When one side ends, fails or closes, so does the other.
 */
export class SocketRelay {
  readonly #browser: Socket;
  readonly #application: Socket;
  readonly #hooks: RelayHooks;
  readonly #toBrowser = new FrameTracker();
  readonly #toApplication = new FrameTracker();
  #sweepsSinceHeard = 0;
  #sweepsSinceSent = 0;
  #sweepsSincePing = 0;
  #pingDue = false;
  #pingUnanswered = false;
  #sweepsUnanswered = 0;
  #ending = false;
  #open = 2;
  #linger: NodeJS.Timeout | undefined;

  constructor(browser: Socket, application: Socket, hooks: RelayHooks) {
    this.#browser = browser;
    this.#application = application;
    this.#hooks = hooks;
    for (const socket of [browser, application]) {
      socket.setTimeout(0);
      socket.setNoDelay(true);
      socket.setKeepAlive(true, keepAliveMs);
    }
    application.on('drain', () => browser.resume());
    browser.on('drain', () => {
      this.#heard();
      application.resume();
    });
    for (const socket of [browser, application]) {
      socket.on('end', () => this.end());
      // What failed is told by the close that follows.
      socket.on('error', () => undefined);
      socket.on('close', () => this.#closed());
      if (socket.destroyed) this.#closed();
    }
  }

  /** Lets the bytes flow, first those that came along with the handshake. */
  begin(fromBrowser: Buffer, fromApplication: Buffer): void {
    if (fromApplication.length > 0) this.#fromApplication(fromApplication);
    if (fromBrowser.length > 0) this.#fromBrowser(fromBrowser);
    this.#application.on('data', (chunk: Buffer) => this.#fromApplication(chunk));
    this.#browser.on('data', (chunk: Buffer) => this.#fromBrowser(chunk));
  }

  /** Ends both sides, after what they were still to be sent; a browser between two frames is told. */
  end(): void {
    if (this.#ending) return;
    this.#ending = true;
    if (this.#toBrowser.atBoundary && !this.#toBrowser.closing && this.#browser.writable)
      this.#browser.write(closeFrame);
    this.#browser.end();
    this.#application.end();
    // One that has stopped reading never takes its last bytes.
    this.#linger = setTimeout(() => this.destroy(), this.#hooks.lingerMs);
    this.#browser.resume();
    this.#application.resume();
  }

  destroy(): void {
    this.#ending = true;
    this.#browser.destroy();
    this.#application.destroy();
  }

  /** To be called five times in each ping interval. Counting calls instead of reading a clock keeps a stalled server from closing what it could not hear. */
  sweep(): void {
    this.#sweepsSinceSent += 1;
    this.#sweepsSincePing += 1;
    // While the application does not take what the browser sent, we do not listen to the browser either.
    if (!this.#application.writableNeedDrain) {
      this.#sweepsSinceHeard += 1;
      if (this.#pingUnanswered || this.#browser.writableNeedDrain) this.#sweepsUnanswered += 1;
    }
    if (this.#sweepsUnanswered >= sweepsUntilDead) {
      this.destroy();
      return;
    }
    const quiet = this.#sweepsSinceHeard >= sweepsPerPing || this.#sweepsSinceSent >= sweepsPerPing;
    if (quiet && this.#sweepsSincePing >= sweepsPerPing && !this.#browser.writableNeedDrain) {
      this.#sweepsSincePing = 0;
      if (this.#toBrowser.atBoundary) this.#ping();
      else this.#pingDue = true;
    }
  }

  #ping(): void {
    this.#pingDue = false;
    if (this.#ending || this.#toBrowser.closing) return;
    this.#browser.write(pingFrame);
    this.#pingUnanswered = true;
    this.#hooks.onPing();
  }

  /** Any sign of the browser will do: whatever it sends, or that it took what waited for it. */
  #heard(): void {
    this.#sweepsSinceHeard = 0;
    this.#sweepsUnanswered = 0;
    this.#pingUnanswered = false;
  }

  #fromApplication(chunk: Buffer): void {
    if (this.#ending) return;
    this.#sweepsSinceSent = 0;
    const { boundary, data } = this.#toBrowser.advance(chunk);
    if (data) this.#hooks.onData();
    if (this.#pingDue && boundary >= 0) {
      this.#browser.write(chunk.subarray(0, boundary));
      this.#ping();
      chunk = chunk.subarray(boundary);
      if (chunk.length === 0) {
        if (this.#browser.writableNeedDrain) this.#application.pause();
        return;
      }
    }
    if (!this.#browser.write(chunk)) this.#application.pause();
  }

  #fromBrowser(chunk: Buffer): void {
    if (this.#ending) return;
    this.#heard();
    if (this.#toApplication.advance(chunk).data) this.#hooks.onData();
    if (!this.#application.write(chunk)) this.#browser.pause();
  }

  #closed(): void {
    this.#open -= 1;
    if (this.#open === 0) {
      clearTimeout(this.#linger);
      this.#hooks.onClosed();
    } else {
      this.end();
    }
  }
}
