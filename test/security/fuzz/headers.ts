import type { Known } from './known.js';
import type { Random } from './random.js';
import { latin1 } from './requests.js';
import { oddText } from './values.js';

type Header = readonly [name: string, value: string];

/** Headers that mean something to the server, with values that it must withstand. */
const meaningful: Readonly<Record<string, readonly string[]>> = {
  Range: [
    'bytes=0-',
    'bytes=0-0',
    'bytes=-1',
    'bytes=5-2',
    'bytes=99999999999999999999-',
    'bytes=0-1,3-4',
    'lines=1-2',
    'bytes=-0',
  ],
  'If-Match': ['*', '"x"', '{etag}', 'W/"x"', '"a", "b"', '"', ''],
  'If-None-Match': ['*', '"x"', '{etag}', 'W/"x"', ', ,', '"'.repeat(3_000)],
  'If-Range': ['"x"', '{etag}', 'Wed, 21 Oct 2015 07:28:00 GMT', 'never'],
  'If-Modified-Since': ['Wed, 21 Oct 2015 07:28:00 GMT', 'never'],
  'Idempotency-Key': ['key-1', 'key-2', 'key-3', '', 'x'.repeat(129), '__proto__', '\xff'],
  'Last-Event-ID': ['0', '1', '99999999', '-1', 'x', '1e3', '9'.repeat(30)],
  'Content-Type': [
    'application/json',
    'text/plain',
    'multipart/form-data',
    'multipart/form-data; boundary=',
    'a/b; charset=\xff',
    ';;;',
    '',
  ],
  'Content-Encoding': ['gzip', 'br', 'identity', 'x', 'gzip, gzip'],
  'Transfer-Encoding': ['gzip', 'gzip, chunked', 'identity'],
  'Content-Length': ['0', '-1', '1e3', '99999999999999999999', '5, 5', ''],
  Expect: ['100-continue', '200-ok'],
  Upgrade: ['websocket', 'h2c', 'TLS/1.0', 'x'],
  Connection: ['Upgrade', 'keep-alive, close', 'Content-Length', 'UWS-Authorization'],
  'Sec-WebSocket-Protocol': ['uws, uws.token.{token}', 'uws.token.{clientToken}', ','],
  'Sec-WebSocket-Version': ['13', '8'],
  'Sec-WebSocket-Key': ['AAAAAAAAAAAAAAAAAAAAAA==', 'x'],
  'X-Forwarded-For': ['1.2.3.4', '{token}', 'unknown', ','.repeat(2_000), '::1, x'],
  'X-Forwarded-Host': ['evil.example'],
  'X-Forwarded-Proto': ['https', 'javascript'],
  'X-Request-Id': ['mine', '\xff', 'x'.repeat(3_000)],
  'X-HTTP-Method-Override': ['DELETE'],
  Forwarded: ['for=1.2.3.4;host=evil.example'],
  Host: ['evil.example', '', 'a b', '[::1', '127.0.0.1:99999', '{token}.example'],
  Origin: ['null', 'https://evil.example', 'file://', '\xff'],
  Referer: ['http://127.0.0.1/?uws_ticket={ticket}', '{token}'],
  Cookie: ['{cookie}', 'uws_session={token}', 'uws_session=x', '='.repeat(1_000), 'a=b; '.repeat(500), '\x80'],
  Accept: ['text/html', '*/*;q=\xff', 'application/xml', ''],
  'Accept-Encoding': ['gzip', 'identity;q=0, *;q=0'],
  'Access-Control-Request-Method': ['PUT', 'X'],
  'Access-Control-Request-Headers': ['x'.repeat(3_000), 'a\xff'],
  'Service-Worker': ['script'],
  'Sec-Fetch-Mode': ['navigate', 'x'],
  'User-Agent': ['', 'jndi:ldap://127.0.0.1/a', '() { :; }; touch /tmp/x'],
};

/** Offers to change the protocol, as programs make them with any request. */
const offers: readonly (readonly Header[])[] = [
  [
    ['Connection', 'Upgrade, HTTP2-Settings'],
    ['Upgrade', 'h2c'],
    ['HTTP2-Settings', 'AAMAAABkAARAAAAAAAIAAAAA'],
  ],
  [
    ['Connection', 'upgrade'],
    ['Upgrade', 'websocket'],
    ['Sec-WebSocket-Version', '13'],
    ['Sec-WebSocket-Key', 'AAAAAAAAAAAAAAAAAAAAAA=='],
  ],
  [
    ['Connection', 'Upgrade'],
    ['Upgrade', 'websocket'],
    ['Sec-WebSocket-Key', 'x'],
  ],
];

const names = Object.keys(meaningful);

/** Some that do harm elsewhere; only some of them where the request is to be understood. */
export function hostileHeaders(random: Random, manner: 'valid' | 'almost' | 'wild', known: Known): Header[] {
  if (manner !== 'wild') {
    const name = random.pick([
      'Range',
      'If-Match',
      'If-None-Match',
      'If-Range',
      'Idempotency-Key',
      'Last-Event-ID',
      'Accept',
      'Origin',
      'User-Agent',
    ]);
    return [[name, valueFor(name, random, known)]];
  }
  if (random.chance(0.05))
    return Array.from({ length: random.int(150, 400) }, (_, index) => ['X-Many', `${index}`] as const);
  if (random.chance(0.05)) return [['X-Large', 'x'.repeat(random.int(10_000, 60_000))]];
  if (random.chance(0.1)) return [...random.pick(offers)];
  return Array.from({ length: random.int(1, 4) }, () => {
    const name = random.chance(0.9) ? random.pick(names) : random.pick(['\x00', 'a b', 'é', '', 'X-Odd', '__proto__']);
    return [
      latin1(name),
      random.chance(0.8) && Object.hasOwn(meaningful, name)
        ? valueFor(name, random, known)
        : latin1(oddText(random)).slice(0, 500),
    ] as const;
  });
}

function valueFor(name: string, random: Random, known: Known): string {
  const value = random.pick(meaningful[name] ?? ['']);
  return value.replaceAll('{etag}', latin1(String(known.pick('etag', random) ?? '"x"')));
}
