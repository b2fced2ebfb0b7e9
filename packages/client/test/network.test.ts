import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createSecureServer } from 'node:https';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { clientOf, failureOf, listen, portOf } from './listening.js';

async function listenRaw(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return portOf(server);
}

describe('failures of real connections', () => {
  it('tells a refused connection, by every address of the host', async () => {
    const server = createServer();
    const port = await listenRaw(server);
    await new Promise((resolve) => server.close(resolve));
    for (const host of ['127.0.0.1', 'localhost']) {
      const error = await failureOf(clientOf(`http://${host}:${port}`, { retries: 0 }).me());
      expect(error).toMatchObject({ name: 'ConnectionError', code: 'connection_refused', retryable: true });
    }
  });

  it('retries a refused connection until the server is back', async () => {
    const probe = createServer();
    const port = await listenRaw(probe);
    await new Promise((resolve) => probe.close(resolve));
    const { server } = await listen((exchange) => exchange.json(200, { data: { user: { id: 1 } } }));
    await new Promise((resolve) => server.close(resolve));
    setTimeout(() => server.listen(port, '127.0.0.1'), 200);
    expect(await clientOf(`http://127.0.0.1:${port}`).me()).toEqual({ id: 1 });
  });

  it('tells a reset before and within an answer', async () => {
    const silent = await listenRaw(createServer((socket) => void socket.once('data', () => socket.resetAndDestroy())));
    const cut = await listenRaw(
      createServer((socket) => {
        socket.on('error', () => {});
        socket.once('data', () => {
          socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"succ', () => socket.resetAndDestroy());
        });
      }),
    );
    const short = await listenRaw(
      createServer((socket) => {
        socket.once('data', () => void socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"succ'));
      }),
    );
    for (const port of [silent, cut, short]) {
      const error = await failureOf(clientOf(`http://127.0.0.1:${port}`, { retries: 0 }).me());
      expect(error).toMatchObject({ name: 'ConnectionError', code: 'connection_reset', retryable: true });
    }
  });

  it('tells a host name without an address', async () => {
    const error = await failureOf(clientOf('http://no-such-host.invalid', { retries: 0 }).me());
    expect(error).toMatchObject({ name: 'ConnectionError', code: 'host_not_found' });
  });

  it('tells TLS spoken to a plain server, and does not repeat it', async () => {
    const { url, server } = await listen(() => {});
    let connections = 0;
    server.on('connection', () => {
      connections += 1;
    });
    const error = await failureOf(clientOf(url.replace('http', 'https')).me());
    expect(error).toMatchObject({ name: 'ConnectionError', code: 'tls_failed', retryable: false });
    expect(connections).toBe(1);
  });

  it('tells a certificate that is not trusted', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'uws-client-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const [key, cert] = [join(directory, 'key.pem'), join(directory, 'cert.pem')];
    const subject = ['-subj', '/CN=localhost', '-days', '1', '-nodes', '-keyout', key, '-out', cert];
    execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', ...subject], { stdio: 'ignore' });
    const server = createSecureServer({ key: readFileSync(key), cert: readFileSync(cert) }, (_, response) =>
      response.end(),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const error = await failureOf(clientOf(`https://localhost:${portOf(server)}`).me());
    expect(error).toMatchObject({ name: 'ConnectionError', code: 'tls_failed', retryable: false });
  });

  it('tells a server that does not speak HTTP', async () => {
    const port = await listenRaw(createServer((socket) => void socket.end('SSH-2.0-OpenSSH_9.2\r\n')));
    const error = await failureOf(clientOf(`http://127.0.0.1:${port}`).me());
    expect(error).toMatchObject({ name: 'ConnectionError', code: 'invalid_answer', retryable: false });
  });
});
