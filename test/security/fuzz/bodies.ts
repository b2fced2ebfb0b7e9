import { gzipSync } from 'node:zlib';
import type { Described, Operation } from './description.js';
import type { Random } from './random.js';
import { almost, oddText, type Suggest, validValue, wildValue } from './values.js';

type Manner = 'valid' | 'almost' | 'wild';

/**
 * How the end of a body is told: by its length; by chunks; by a length that is too large, after which the sender leaves; by one that is too
 * small; or by chunks that are broken.
 */
export type Framing = 'length' | 'chunked' | 'short' | 'long' | 'broken';

export interface FuzzBody {
  readonly body: Buffer | undefined;
  readonly framing: Framing;
  /** Content-Type, and Content-Encoding where there is one. */
  readonly types: readonly (readonly [string, string])[];
}

/** A body for an operation, or for one that takes none. */
export function bodyFor(
  operation: Operation,
  content: Described['content'],
  manner: Manner,
  random: Random,
  suggest: Suggest,
): FuzzBody {
  const [[type, { schema }] = [undefined, { schema: {} }]] = Object.entries(content);
  const framing = framingFor(manner, random);
  if (type === undefined) {
    const body = manner === 'wild' && random.chance(0.3) ? random.bytes(random.int(0, 30)) : undefined;
    return { body, framing: body === undefined ? 'length' : framing, types: [] };
  }
  const given = type.startsWith('multipart/') ? `${type}; boundary=x` : type;
  let body: Buffer;
  if (type.startsWith('multipart/')) body = formFor(manner, random);
  else if (!type.endsWith('json')) body = random.bytes(random.int(0, 64));
  else {
    const valid = operation === 'createToken' ? signInFor(random) : validValue(schema, random, suggest);
    body = jsonFor(valid, manner, random);
  }
  if (manner === 'wild' && random.chance(0.1)) {
    return {
      body: gzipSync(body),
      framing,
      types: [
        ['Content-Type', given],
        ['Content-Encoding', 'gzip'],
      ],
    };
  }
  // The server reads JSON whatever its type is called, as portals say nothing of it.
  return { body, framing, types: type.endsWith('json') && random.chance(0.2) ? [] : [['Content-Type', given]] };
}

function framingFor(manner: Manner, random: Random): Framing {
  if (manner === 'wild') return random.pick(['length', 'length', 'chunked', 'short', 'long', 'broken']);
  return random.chance(0.2) ? 'chunked' : 'length';
}

/** Who signs in is made by the portal, so that new users come along. */
function signInFor(random: Random): unknown {
  const username = `user${random.int(1, 20)}`;
  const client_token = random.chance(0.9) ? '{clientToken}' : 'wrong';
  return { client_token, user_info: { username, email: `${username}@example.org`, first_name: 'U', last_name: 'Ser' } };
}

function jsonFor(valid: unknown, manner: Manner, random: Random): Buffer {
  if (manner === 'valid') return Buffer.from(JSON.stringify(valid));
  if (manner === 'almost') return Buffer.from(JSON.stringify(almost(valid, random)) ?? '');
  switch (random.int(0, 8)) {
    case 0:
      return random.bytes(random.int(0, 200));
    case 1:
      return Buffer.from(JSON.stringify(valid).slice(0, random.int(0, 30)));
    case 2:
      return Buffer.from(random.pick(['[', '{"a":']).repeat(random.int(1, 5_000)));
    case 3:
      return Buffer.from(`{"job_details":${'{"a":'.repeat(90)}1${'}'.repeat(90)}}`);
    case 4:
      return Buffer.from(JSON.stringify(valid), 'utf16le');
    case 5:
      return Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from(JSON.stringify(valid))]);
    case 6:
      return Buffer.from(`{"__proto__":{"role":"administrator"},"constructor":1,${JSON.stringify(valid).slice(1)}`);
    case 7:
      return Buffer.from(`{${JSON.stringify(valid).slice(1, -1)},${JSON.stringify(valid).slice(1)}`);
    default:
      return Buffer.from(JSON.stringify(wildValue(random)) ?? '');
  }
}

function formFor(manner: Manner, random: Random): Buffer {
  const name =
    manner === 'valid'
      ? 'form.txt'
      : oddText(random)
          .slice(0, 300)
          .replaceAll(/["\r\n]/g, '');
  const part = `--x\r\nContent-Disposition: form-data; name="f"; filename="${name}"\r\n\r\ncontent\r\n`;
  const text = `${part.repeat(random.int(1, 3))}--x--\r\n`;
  if (manner !== 'wild') return Buffer.from(text);
  return Buffer.from(
    random.pick([
      text.slice(0, random.int(0, text.length)),
      text.replaceAll('--x--', ''),
      text.replaceAll('filename=', "filename*=utf-8''%00%ff;filename="),
      text.replaceAll('Content-Disposition', `X-A: ${'a'.repeat(20_000)}\r\nContent-Disposition`),
      text.replaceAll('name="f"', 'name="__proto__"'),
      text.replaceAll('\r\n', '\n'),
      part.repeat(1_100),
    ]),
  );
}
