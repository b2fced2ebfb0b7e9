import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { forwardedOnlyWith } from '../../src/http/forwarded.js';

const secret = 'a-secret-of-the-proxy';

function headersAfter(wanted: string | undefined, headers: Readonly<Record<string, string>>) {
  const request = new IncomingMessage(new Socket());
  Object.assign(request.headers, {
    host: 'example.org',
    'x-forwarded-for': '203.0.113.9',
    'x-forwarded-host': 'evil',
    ...headers,
  });
  forwardedOnlyWith(wanted)(request);
  return request.headers;
}

test('only who knows the secret is believed whom a request comes from; nobody sees the secret', () => {
  expect(headersAfter(secret, { 'x-forwarded-secret': secret })).toEqual({
    host: 'example.org',
    'x-forwarded-for': '203.0.113.9',
    'x-forwarded-host': 'evil',
  });
  for (const wrong of [
    {},
    { 'x-forwarded-secret': '' },
    { 'x-forwarded-secret': `${secret}x` },
    { 'x-forwarded-secret': `${secret}, ${secret}` },
  ]) {
    expect(headersAfter(secret, wrong)).toEqual({ host: 'example.org' });
  }
});

test('without a secret the address alone decides', () => {
  expect(headersAfter(undefined, { 'x-forwarded-secret': 'x' })).toMatchObject({ 'x-forwarded-for': '203.0.113.9' });
  expect(headersAfter(undefined, { 'x-forwarded-secret': 'x' })).not.toHaveProperty('x-forwarded-secret');
});
