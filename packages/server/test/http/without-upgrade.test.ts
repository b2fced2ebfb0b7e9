import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Fixture, startFixture } from '../files/fixture.js';

let server: Fixture;
beforeEach(async () => {
  server = await startFixture();
});
afterEach(() => server.close());

const h2c = ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA'];
const webSocket = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Key: x', 'Sec-WebSocket-Version: 13'];

/** Sends bytes on one connection and gives all that comes back until it is closed. */
async function answersTo(bytes: string): Promise<string> {
  const socket = connect(server.port, '127.0.0.1');
  let text = '';
  socket.on('data', (part) => {
    text += String(part);
  });
  socket.write(bytes);
  await once(socket, 'close');
  return text;
}

function requestText(first: string, headers: readonly string[], body = ''): string {
  const length = body === '' ? [] : [`Content-Length: ${body.length}`];
  const lines = [`${first} HTTP/1.1`, 'Host: x', `UWS-Authorization: Token ${server.token}`, ...headers, ...length];
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}

describe('an offer to change the protocol', () => {
  it('is passed over: the request is answered, and so is the next one of the connection', async () => {
    const job = await server.addJob();
    for (const offer of [h2c, webSocket]) {
      const first = requestText('GET /me/', offer);
      const second = requestText('GET /workspaces/', ['Connection: close']);
      const text = await answersTo(first + second);
      expect(text.match(/HTTP\/1\.1 \d{3}/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 200']);
      expect([text.includes('"user"'), text.includes('"workspaces"')]).toEqual([true, true]);
    }
    // Where a WebSocket could be opened, too.
    const offer = ['Connection: close, Upgrade, HTTP2-Settings', ...h2c.slice(1)];
    expect(await answersTo(requestText(`GET /jobs/${job.id}/`, offer))).toMatch(/^HTTP\/1\.1 200/);
  });

  it('takes no body away', async () => {
    const path = `/workspaces/${server.workspace.id}/files/content/?path=f`;
    const offer = ['Connection: Upgrade, close', 'Upgrade: h2c'];
    expect(await answersTo(requestText(`PUT ${path}`, offer, 'all of it'))).toMatch(/^HTTP\/1\.1 200/);
    expect(await (await server.call(path)).text()).toBe('all of it');
  });

  it('of a WebSocket with anything but GET is passed over, so that HEAD has no body', async () => {
    const job = await server.addJob();
    const offer = [...webSocket.slice(1), 'Connection: Upgrade, close'];
    for (const path of [`/jobs/${job.id}/`, '/jobs/4711/']) {
      const text = await answersTo(requestText(`HEAD ${path}`, offer));
      expect(text).toMatch(/^HTTP\/1\.1 (200|404) /);
      expect(text).toMatch(/\r\n\r\n$/);
    }
    expect(await answersTo(requestText(`DELETE /jobs/${job.id}/`, offer))).toMatch(/^HTTP\/1\.1 405 /);
  });

  it('that opens a WebSocket wrongly is refused in the words of the specification', async () => {
    const job = await server.addJob();
    const text = await answersTo(requestText(`GET /jobs/${job.id}/`, webSocket));
    expect(text).toMatch(/^HTTP\/1\.1 400/);
    expect(JSON.parse(text.slice(text.indexOf('\r\n\r\n')))).toMatchObject({ error: { code: 'invalid_field' } });
  });
});
