// Shapes of requests on which two servers in a row may disagree where they end, and a reader of what came through.

/** Ways to write a length. */
export const lengths = (n: number): readonly string[] => [
  `Content-Length: ${n}`,
  `content-length:${n}`,
  `Content-Length:\t${n}`,
  `Content-Length: ${n} `,
  `Content-Length : ${n}`,
  ` Content-Length: ${n}`,
  `Content-Length: 0${n}`,
  `Content-Length: +${n}`,
  `Content-Length: -${n}`,
  `Content-Length: 0x${n.toString(16)}`,
  `Content-Length: ${n}, ${n}`,
  `Content-Length: ${n}, 0`,
  `Content-Length: ${n};x`,
  `Content-Length: "${n}"`,
  `Content-Length: ${n}e0`,
  `Content-Length: ${n}\x0b`,
  `Content-Length: \r\n ${n}`,
  `Content-Length\x00: ${n}`,
  `Content_Length: ${n}`,
  'Content-Length:',
  'Content-Length: 18446744073709551616',
  `Content-Length: ${n}\r\nContent-Length: ${n}`,
  `Content-Length: ${n}\r\nContent-Length: 0`,
  `X: y\nContent-Length: ${n}`,
  `X: y\rContent-Length: ${n}`,
];

/** Ways to write a transfer coding. */
export const codings: readonly string[] = [
  'Transfer-Encoding: chunked',
  'transfer-encoding:chunked',
  'Transfer-Encoding: Chunked',
  'Transfer-Encoding: chunked ',
  'Transfer-Encoding:\tchunked',
  'Transfer-Encoding : chunked',
  'Transfer-Encoding\t: chunked',
  ' Transfer-Encoding: chunked',
  'Transfer-Encoding: xchunked',
  'Transfer-Encoding: chunkedx',
  'Transfer-Encoding: \x0bchunked',
  'Transfer-Encoding: chunked\x0b',
  'Transfer-Encoding: chunked\x00',
  'Transfer-Encoding: "chunked"',
  'Transfer-Encoding: chunked;q=1',
  'Transfer-Encoding: identity',
  'Transfer-Encoding: chunked, identity',
  'Transfer-Encoding: identity, chunked',
  'Transfer-Encoding: gzip, chunked',
  'Transfer-Encoding: chunked, chunked',
  'Transfer-Encoding: ,chunked',
  'Transfer-Encoding:\r\n chunked',
  'Transfer_Encoding: chunked',
  'Transfer-Encoding:',
  'Transfer-Encoding: chunked\r\nTransfer-Encoding: x',
  'Transfer-Encoding: x\r\nTransfer-Encoding: chunked',
  'X: y\nTransfer-Encoding: chunked',
  'X: y\rTransfer-Encoding: chunked',
];

/** A request as a server behind the proxy reads it, whose framing leaves no choice. */
export interface CleanRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
}

/**
 * Reads the bytes of one connection strictly: one way to write a line, a length or a chunk, and nothing left that is not a request.
 *
 * @throws Error that tells what two servers might read differently.
 */
export function readClean(bytes: string): CleanRequest[] {
  const requests: CleanRequest[] = [];
  let rest = bytes;
  while (rest !== '') {
    const end = rest.indexOf('\r\n\r\n');
    if (end < 0) throw new Error(`a head without its end: ${JSON.stringify(rest.slice(0, 200))}`);
    const lines = rest.slice(0, end).split('\r\n');
    rest = rest.slice(end + 4);
    const [first = '', ...heads] = lines;
    const [, method = '', url = ''] = /^([A-Z]+) (\/[\x21-\x7e\x80-\xff]*) HTTP\/1\.1$/.exec(first) ?? [];
    if (method === '') throw new Error(`an odd first line: ${JSON.stringify(first)}`);
    const headers = heads.map((line) => {
      const [, name, value] = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?([\t\x20-\x7e\x80-\xff]*)$/.exec(line) ?? [];
      if (name === undefined || value === undefined) throw new Error(`an odd head: ${JSON.stringify(line)}`);
      return [name.toLowerCase(), value] as const;
    });
    const all = (name: string) => headers.filter(([known]) => known === name).map(([, value]) => value);
    const [length, ...moreLengths] = all('content-length');
    const [coding, ...moreCodings] = all('transfer-encoding');
    if (all('host').length !== 1) throw new Error('not one Host');
    if (moreLengths.length + moreCodings.length > 0) throw new Error('a framing head twice');
    if (length !== undefined && coding !== undefined) throw new Error('a length and a coding');
    if (length !== undefined && !/^[0-9]+$/.test(length)) throw new Error(`the length ${JSON.stringify(length)}`);
    if (coding !== undefined && coding !== 'chunked') throw new Error(`the coding ${JSON.stringify(coding)}`);
    let body = rest.slice(0, Number(length ?? 0));
    rest = rest.slice(body.length);
    if (coding !== undefined) {
      for (;;) {
        const [line = '', hex = ''] = /^([0-9a-fA-F]+)\r\n/.exec(rest) ?? [];
        // Broken off in the middle: whoever reads it waits, and sees no further request.
        if (line === '') {
          if (!/^[0-9a-fA-F]*\r?$/.test(rest)) throw new Error(`an odd chunk: ${JSON.stringify(rest.slice(0, 50))}`);
          rest = '';
          break;
        }
        const size = Number.parseInt(hex, 16);
        body += rest.slice(line.length, line.length + size);
        rest = rest.slice(line.length + size);
        if (rest === '' || (size > 0 && rest === '\r')) {
          rest = '';
          break;
        }
        if (!rest.startsWith('\r\n')) throw new Error('a chunk of another length than it says, or a trailer');
        rest = rest.slice(2);
        if (size === 0) break;
      }
    }
    requests.push({ method, url, headers, body });
  }
  return requests;
}
