import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { addressesWithin, clientAddress, isAddressRange } from '../../src/http/client-address.js';

test.each([
  ['10.0.0.0/8', true],
  ['10.1.2.3', true],
  ['0.0.0.0/0', true],
  ['::1', true],
  ['fd00::/8', true],
  ['10.0.0.0/33', false],
  ['fd00::/129', false],
  ['10.0.0.0/08', false],
  ['10.0.0.0/', false],
  ['10.0.0.0/8/8', false],
  ['10.0.0', false],
  ['proxy.example.org', false],
  ['fe80::1%eth0', false],
  ['', false],
])('%s is an address or a range: %s', (text, holds) => {
  expect(isAddressRange(text)).toBe(holds);
});

test('addresses are found within ranges, IPv4 also where it is written as IPv6', () => {
  const within = addressesWithin(['10.0.0.0/8', '192.168.1.7', 'fd00::/8']);
  for (const address of [
    '10.0.0.0',
    '10.255.255.255',
    '::ffff:10.3.0.1',
    '::FFFF:192.168.1.7',
    'fd12::1',
    'fd12::1%eth0',
  ]) {
    expect([address, within(address)]).toEqual([address, true]);
  }
  for (const address of ['11.0.0.0', '192.168.1.8', '::ffff:11.0.0.1', 'fe80::1', '::1', '', 'unix', '10.0.0']) {
    expect([address, within(address)]).toEqual([address, false]);
  }
  expect(addressesWithin([])('127.0.0.1')).toBe(false);
});

test.each([
  ['an untrusted peer, whatever it says', '203.0.113.9', '1.1.1.1', '203.0.113.9'],
  ['a trusted peer that says nothing', '10.0.0.1', undefined, '10.0.0.1'],
  ['what a trusted peer added', '10.0.0.1', '203.0.113.9', '203.0.113.9'],
  ['not what the client wrote before it', '10.0.0.1', '1.1.1.1, 203.0.113.9', '203.0.113.9'],
  ['a chain of trusted peers', '::ffff:10.0.0.1', '1.1.1.1, 203.0.113.9, 10.0.0.2', '203.0.113.9'],
  ['a chain of trusted peers only', '10.0.0.1', '10.0.0.3, 10.0.0.2', '10.0.0.3'],
  ['the last believable one, where nonsense stands before it', '10.0.0.1', 'unknown, 10.0.0.2', '10.0.0.2'],
  ['the peer, where nonsense is all', '10.0.0.1', '"><script>', '10.0.0.1'],
])('the client is %s', (_what, peer, told, address) => {
  const request = new IncomingMessage(new Socket());
  Object.defineProperty(request.socket, 'remoteAddress', { value: peer });
  if (told !== undefined) request.headers['x-forwarded-for'] = told;
  expect(clientAddress(request, addressesWithin(['10.0.0.0/8']))).toBe(address);
});
