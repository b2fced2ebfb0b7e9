import { mkdirSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { createLocalAuthentication, createOwnAccount, createReservedAccounts } from '@user-workspaces/auth-local';
import type { Database } from '@user-workspaces/contract';
import { webApplicationJob } from '@user-workspaces/job-types';
import { createLocalResource } from '@user-workspaces/resource-local';
import { createHttpServer, createServer } from '@user-workspaces/server';
import { createLocalStorage } from '@user-workspaces/storage-local';
import Koa from 'koa';

/** Answers with the same words whatever is asked; what ends in `/endless` it never finishes. */
const application = `
require('node:http').createServer((request, response) => {
  if (request.url.endsWith('/endless')) response.write('The beginning.');
  else response.end('The session.');
}).listen(Number(process.argv[1]), process.argv[2]);
`;

export interface EmbeddedServer {
  readonly baseUrl: string;
  readonly port: number;
  readonly clientToken: string;
  close(): Promise<void>;
}

/** The server within this process, mounted into a Koa application that answers `The portal itself.` */
export async function startEmbedded(options: {
  readonly dataDirectory: string;
  readonly database: Database;
  readonly port: number;
  readonly instance?: string;
  readonly prefix?: string;
  readonly passthroughDomain?: string;
}): Promise<EmbeddedServer> {
  const { dataDirectory: data, database, port, prefix, passthroughDomain } = options;
  const clientToken = 'c0ffee0000000000000000000000000000000000';
  for (const name of ['', 'server', 'workspaces', 'launches']) {
    mkdirSync(join(data, name), { recursive: true });
    await chmod(join(data, name), name === 'server' ? 0o700 : 0o711);
  }
  const isRoot = process.getuid?.() === 0;
  const storage = await createLocalStorage({
    name: 'files',
    rootDirectory: join(data, 'workspaces'),
    allowedLinkRoots: [],
    ownership: isRoot ? 'chown' : 'none',
  });
  const resource = await createLocalResource({ name: 'here', recordsDirectory: join(data, 'launches') });
  const command = [process.execPath, '-e', application, '{port}', '{host}'];
  const server = await createServer({
    authentication: createLocalAuthentication({ name: 'portal' }),
    accounts: isRoot ? createReservedAccounts({ directory: join(data, 'server') }) : createOwnAccount(),
    database,
    storages: [storage],
    resources: [{ resource, parameterMapping: {}, ...(passthroughDomain !== undefined && { passthroughDomain }) }],
    jobTypes: new Map([
      [
        'web_app',
        {
          name: 'Web application',
          resources: new Map([['here', webApplicationJob.configure({ command }, 'web_app')]]),
        },
      ],
    ]),
    parameters: [],
    ...(options.instance !== undefined && { instance: options.instance }),
    publicUrl: `http://127.0.0.1:${port}`,
    ...(prefix !== undefined && { prefix }),
    stopGraceMs: 1_000,
  });
  await server.setApiClient('portal', clientToken);
  const portal = new Koa();
  portal.use(server.middleware);
  portal.use((context) => {
    context.body = 'The portal itself.';
  });
  const http = createHttpServer(portal.callback());
  server.attach(http);
  await new Promise<void>((resolve) => http.listen(port, '127.0.0.1', resolve));
  return {
    baseUrl: `http://127.0.0.1:${port}`,
    port,
    clientToken,
    async close() {
      const closed = new Promise((resolve) => http.close(resolve));
      http.closeAllConnections();
      await closed;
      await server.close();
      await Promise.all([storage.close(), resource.close()]);
    },
  };
}
