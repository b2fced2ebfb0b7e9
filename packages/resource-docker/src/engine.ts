import type { Readable } from 'node:stream';
import { AdapterError } from '@user-workspaces/contract';
import type Docker from 'dockerode';
import { Tunnel } from './tunnel.js';

/** Longest silence within one request. Streams are without it: a quiet job is no fault. */
const silenceMs = 60_000;

/** How an engine is reached. */
export interface EngineAddress {
  /** `unix:///path/of/docker.sock`; `tcp://host:port`, with TLS if {@link tls} is set; `ssh://user@host:port/path/of/docker.sock`, where user, port and path may be absent. */
  readonly url: string;
  /** Texts in PEM form: who may have signed the engine's certificate, and the client's own certificate and key. */
  readonly tls?: { readonly ca: string; readonly certificate: string; readonly key: string };
  /** Path of a file of settings for `ssh`, in place of those of the server's account. */
  readonly sshConfig?: string;
}

/** Loaded when an engine is first asked: it takes longer than the rest of this package and of a server's adapters together. */
const dockerode = async () => (await import('dockerode')).default;

/** The engine answered, and refused. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** One container engine. Everything that is asked goes through {@link ask}, which tells a refusal from an engine that does not answer. */
export class Engine {
  private readonly options: Docker.DockerOptions;
  private readonly tunnel: Tunnel | undefined;
  private docker: Docker | undefined;
  private streams: Docker | undefined;

  constructor(address: EngineAddress) {
    const url = new URL(address.url);
    this.tunnel = url.protocol === 'ssh:' ? new Tunnel(url, address.sshConfig) : undefined;
    this.options = this.tunnel ? socketOptions(this.tunnel.socket) : connectionOptions(address);
  }

  /**
   * @throws Refusal when the engine says no (3xx, 4xx); AdapterError `unavailable` when it does not answer or has failed (5xx); the signal's reason.
   */
  async ask<T>(request: (docker: Docker) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const asked = async () => {
      this.docker ??= new (await dockerode())({ ...this.options, timeout: silenceMs });
      return request(this.docker);
    };
    return this.answered(asked, signal);
  }

  /** What time it is there, in milliseconds since 1970: this machine's clock may be another. `NaN` when the engine does not say. */
  async nowMs(signal?: AbortSignal): Promise<number> {
    const info = await this.ask((docker) => docker.info(), signal);
    return Date.parse(String(info.SystemTime));
  }

  /** Asks for something that may not be there. */
  async find<T>(request: (docker: Docker) => Promise<T>, signal?: AbortSignal): Promise<T | undefined> {
    try {
      return await this.ask(request, signal);
    } catch (error) {
      if (error instanceof Refusal && error.status === 404) return undefined;
      throw error;
    }
  }

  /** Opens a stream, which ends with the signal. */
  async open(path: string, query: Readonly<Record<string, unknown>>, signal?: AbortSignal): Promise<Readable> {
    return this.stream('GET', path, query, signal);
  }

  async stream(
    method: 'GET' | 'POST',
    path: string,
    query: Readonly<Record<string, unknown>>,
    signal?: AbortSignal,
  ): Promise<Readable> {
    const request = {
      path: `${path}?`,
      method,
      options: query,
      isStream: true,
      statusCodes: { 200: true, 400: 'refused', 404: 'not there', 409: 'conflict', 500: 'failed' },
      ...(signal && { abortSignal: signal }),
    };
    const open = async () => {
      this.streams ??= new (await dockerode())(this.options);
      const { modem } = this.streams;
      return new Promise<Readable>((resolve, reject) => {
        modem.dial(request, (error: unknown, stream: unknown) => (error ? reject(error) : resolve(stream as Readable)));
      });
    };
    return this.answered(open, signal);
  }

  /** Ends what leads to the engine. */
  async close(): Promise<void> {
    await this.tunnel?.close();
  }

  private async answered<T>(request: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    try {
      return await untilAborted(this.tunnel ? this.tunnel.open().then(request) : request(), signal);
    } catch (error) {
      signal?.throwIfAborted();
      throw told(error);
    }
  }
}

/** What dockerode would else take from `DOCKER_HOST` and its like in the server's environment: another engine than the configured one. */
const nothing = {
  host: undefined,
  port: undefined,
  pathPrefix: undefined,
  ca: undefined,
  cert: undefined,
  key: undefined,
};

function socketOptions(socketPath: string): Docker.DockerOptions {
  return { ...nothing, protocol: 'http', socketPath };
}

function connectionOptions({ url, tls }: EngineAddress): Docker.DockerOptions {
  const { protocol, hostname, port, pathname } = new URL(url);
  if (protocol === 'unix:') return socketOptions(decodeURIComponent(pathname));
  const host = hostname.replace(/^\[|\]$/g, '');
  if (!tls) return { ...nothing, protocol: 'http', host, port: port || 2375 };
  const { ca, certificate, key } = tls;
  return { ...nothing, protocol: 'https', host, port: port || 2376, ca, cert: certificate, key };
}

function told(error: unknown): unknown {
  if (!(error instanceof Error) || AdapterError.is(error)) return error;
  const status = 'statusCode' in error ? Number(error.statusCode) : 0;
  const message = sentenceOf(error);
  if (status >= 300 && status < 500) return new Refusal(status, message);
  const what = status >= 500 ? 'failed' : 'does not answer';
  return new AdapterError('unavailable', `The container engine ${what}: ${message}`, { cause: error });
}

function sentenceOf(error: Error): string {
  const answer = 'json' in error ? error.json : undefined;
  const isTold = typeof answer === 'object' && answer !== null && 'message' in answer;
  const text = isTold ? String(answer.message) : error.message;
  return `${text.trim().replace(/\.$/, '')}.`;
}

/** Gives up waiting when the signal aborts; what was asked may still happen. */
async function untilAborted<T>(answer: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return answer;
  return new Promise<T>((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    answer.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
