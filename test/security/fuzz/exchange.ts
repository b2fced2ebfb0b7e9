import { connect } from 'node:net';
import type { FuzzRequest } from './requests.js';

export interface Exchange {
  /** 0 when the connection was closed without an answer. */
  readonly status: number;
  /** By their names in lower case; of repeated ones the last. */
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  /** False for an answer that was cut off before its end. */
  readonly isWhole: boolean;
  /** What came after the answer, which nobody may send. */
  readonly surplus: string;
}

export class NoAnswer extends Error {
  override readonly name = 'NoAnswer';
}

/** How long a stream is listened to. */
const listenMs = 100;

/** No answer takes so long; the long form runs beside others, and a form may hold a thousand files. */
const hangMs = process.env.UWS_LONG ? 240_000 : 60_000;

/** What stands for the sender's own secrets. */
export type Own = Readonly<Record<'token' | 'clientToken' | 'ticket' | 'cookie', string>>;

/** Puts the sender's own secrets where the request says. */
export function withOwn(text: string, own: Own): string {
  return text.replaceAll(/\{(token|clientToken|ticket|cookie)\}/g, (_, name: keyof Own) => own[name]);
}

/** The bytes of a request, the only one of its connection. */
export function bytesOf(request: FuzzRequest, host: string, own: Own): Buffer {
  const { method, target, body, framing } = request;
  const lines = [`${method} ${withOwn(target, own)} HTTP/1.1`];
  if (!request.headers.some(([name]) => name === 'Host')) lines.push(`Host: ${host}`);
  for (const [name, value] of request.headers) lines.push(`${name}: ${withOwn(value, own)}`);
  lines.push('Connection: close');
  const content = body === undefined ? undefined : Buffer.from(withOwn(body.toString('latin1'), own), 'latin1');
  let sent = content ?? Buffer.alloc(0);
  if (content !== undefined) {
    if (framing === 'chunked') {
      lines.push('Transfer-Encoding: chunked');
      sent = Buffer.concat([chunk(content.subarray(0, 7)), chunk(content.subarray(7)), Buffer.from('0\r\n\r\n')]);
    } else if (framing === 'broken') {
      lines.push('Transfer-Encoding: chunked');
      sent = Buffer.concat([chunk(content), Buffer.from('zz\r\n')]);
    } else {
      const length = { length: 0, short: 10, long: -1 }[framing];
      lines.push(`Content-Length: ${Math.max(0, content.length + length)}`);
    }
  } else if (method === 'PUT' || method === 'POST') lines.push('Content-Length: 0');
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), sent]);
}

function chunk(content: Buffer): Buffer {
  if (content.length === 0) return content;
  return Buffer.concat([Buffer.from(`${content.length.toString(16)}\r\n`), content, Buffer.from('\r\n')]);
}

/** Sends bytes and waits for the answer's end; streams that do not end are left after a moment. */
export function exchange(port: number, bytes: Buffer, request: FuzzRequest): Promise<Exchange> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' });
    const parts: Buffer[] = [];
    let listening: NodeJS.Timeout | undefined;
    let isLeft = false;
    const patience = setTimeout(() => {
      const got = Buffer.concat(parts).toString('latin1').slice(0, 200);
      reject(
        new NoAnswer(`There was no end of the answer in ${hangMs / 1000} seconds; it begins: ${JSON.stringify(got)}`),
      );
      socket.destroy();
    }, hangMs);
    const finish = (): void => {
      clearTimeout(patience);
      clearTimeout(listening);
      socket.destroy();
      try {
        const answer = parseAnswer(Buffer.concat(parts), request.method === 'HEAD');
        resolve(isLeft ? { ...answer, isWhole: true } : answer);
      } catch (error) {
        reject(error);
      }
    };
    socket.on('data', (part) => {
      const isFirst = parts.length === 0;
      parts.push(part);
      // Whether it is a stream is told at its beginning.
      if (isFirst && /^HTTP\/1.1 101 |\r\ncontent-type: text\/(event-stream|plain)/i.test(part.toString('latin1'))) {
        listening = setTimeout(() => {
          isLeft = true;
          finish();
        }, listenMs);
      }
    });
    socket.on('end', finish);
    // It may be reset in the middle of a body that nobody wants; what was answered counts.
    socket.on('error', finish);
    // Who closes early is not answered.
    if (request.framing === 'short') socket.end(bytes);
    else socket.write(bytes);
  });
}

/** Reads an answer; what is no answer throws. */
export function parseAnswer(bytes: Buffer, isHead: boolean): Exchange {
  if (bytes.length === 0) return { status: 0, headers: {}, text: '', isWhole: true, surplus: '' };
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) throw new Error(`No head ends in: ${JSON.stringify(bytes.toString('latin1').slice(0, 300))}`);
  const [first = '', ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n');
  const status = Number(/^HTTP\/1\.1 ([1-5]\d\d) [ -~]*$/.exec(first)?.[1]);
  if (!status) throw new Error(`This begins no answer: ${JSON.stringify(first)}`);
  const rest = bytes.subarray(end + 4);
  if (status === 100) return parseAnswer(rest, isHead);
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const [, name = '', value = ''] = /^([\w-]+): ?([\t -~\x80-\xff]*)$/.exec(line) ?? [];
    if (name === '') throw new Error(`This is no header: ${JSON.stringify(line)}`);
    headers[name.toLowerCase()] = value;
  }
  if (isHead || status === 101 || status === 204 || status === 304) {
    return { status, headers, text: '', isWhole: true, surplus: status === 101 ? '' : rest.toString('latin1') };
  }
  const { content, surplus } = bodyOf(rest, headers);
  return {
    status,
    headers,
    text: content.toString(),
    isWhole: surplus !== undefined,
    surplus: surplus?.toString('latin1') ?? '',
  };
}

/** A body and what follows; nothing follows one that is not whole. */
function bodyOf(rest: Buffer, headers: Readonly<Record<string, string>>): { content: Buffer; surplus?: Buffer } {
  const length = headers['content-length'];
  if (length !== undefined) {
    const content = rest.subarray(0, Number(length));
    return content.length < Number(length) ? { content } : { content, surplus: rest.subarray(Number(length)) };
  }
  if (headers['transfer-encoding'] !== 'chunked') return { content: rest, surplus: Buffer.alloc(0) };
  const parts: Buffer[] = [];
  for (let at = 0; ; ) {
    const lineEnd = rest.indexOf('\r\n', at);
    const size = lineEnd < 0 ? Number.NaN : Number.parseInt(rest.subarray(at, lineEnd).toString('latin1'), 16);
    if (size === 0) return { content: Buffer.concat(parts), surplus: rest.subarray(lineEnd + 4) };
    const next = lineEnd + 2 + size + 2;
    if (!(next <= rest.length)) return { content: Buffer.concat(parts) };
    parts.push(rest.subarray(lineEnd + 2, next - 2));
    at = next;
  }
}
