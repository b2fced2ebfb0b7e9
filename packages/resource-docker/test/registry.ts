import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';

const digestOf = (content: Buffer): string => `sha256:${createHash('sha256').update(content).digest('hex')}`;

/** What a registry gives out of an image. */
interface Image {
  readonly layer: Buffer;
  readonly config: Buffer;
  readonly manifest: Buffer;
}

const schema = 'application/vnd.docker.distribution.manifest.v2+json';

/** @param archive The image's files, as an uncompressed tar archive. */
function imageOf(archive: Buffer): Image {
  const layer = gzipSync(archive, { level: 0 });
  const config = Buffer.from(
    JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      config: {},
      rootfs: { type: 'layers', diff_ids: [digestOf(archive)] },
      history: [{ created: '2026-01-01T00:00:00Z' }],
    }),
  );
  const part = (content: Buffer, mediaType: string) => ({ mediaType, size: content.length, digest: digestOf(content) });
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: schema,
      config: part(config, 'application/vnd.docker.container.image.v1+json'),
      layers: [part(layer, 'application/vnd.docker.image.rootfs.diff.tar.gzip')],
    }),
  );
  return { layer, config, manifest };
}

/** A registry with one image, `one:1`, as the registry API 2 asks for it; the engine takes it from a loopback address without TLS. Its layer comes in two halves. */
export class Registry {
  private goOn: (() => void) | undefined;
  private readonly gate = new Promise<void>((resolve) => {
    this.goOn = resolve;
  });

  private constructor(
    readonly address: string,
    readonly close: () => void,
    private image: Image,
  ) {}

  /** @param archive The image's files, as an uncompressed tar archive. */
  static async open(archive: Buffer): Promise<Registry> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const bound = server.address();
    if (bound === null || typeof bound === 'string') throw new Error('No port.');
    const registry = new Registry(`127.0.0.1:${bound.port}`, () => server.close(), imageOf(archive));
    const send = (answer: ServerResponse, content: Buffer, type: string, body: Buffer | undefined): void => {
      answer.writeHead(200, {
        'Content-Type': type,
        'Content-Length': content.length,
        'Docker-Content-Digest': digestOf(content),
      });
      answer.end(body);
    };
    server.on('request', ({ url = '', method }, answer) => {
      const { layer, config, manifest } = registry.image;
      const body = (content: Buffer) => (method === 'HEAD' ? undefined : content);
      if (url === '/v2/') answer.end('{}');
      else if (/^\/v2\/one\/manifests\/(1|sha256:.*)$/.test(url)) send(answer, manifest, schema, body(manifest));
      else if (url.endsWith(digestOf(config))) send(answer, config, 'application/octet-stream', body(config));
      else if (url.endsWith(digestOf(layer))) {
        const half = Math.floor(layer.length / 2);
        answer.writeHead(200, { 'Content-Type': 'application/octet-stream', 'Content-Length': layer.length });
        answer.write(layer.subarray(0, half));
        void registry.gate.then(() => answer.end(layer.subarray(half)));
      } else {
        const message = 'manifest unknown';
        answer.writeHead(404, { 'Content-Type': 'application/json' });
        answer.end(JSON.stringify({ errors: [{ code: 'MANIFEST_UNKNOWN', message }] }));
      }
    });
    return registry;
  }

  /** From now on the image is another one, under the same name. */
  replace(archive: Buffer): void {
    this.image = imageOf(archive);
  }

  /** Sends the rest of the layer. */
  release(): void {
    this.goOn?.();
  }
}
