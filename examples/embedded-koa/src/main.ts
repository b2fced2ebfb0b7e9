// An existing Koa application that gets User Workspaces below /workspaces-api.
import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLocalAuthentication, createOwnAccount, createReservedAccounts } from '@user-workspaces/auth-local';
import { createSqlDatabase } from '@user-workspaces/database-sql';
import { localTestJob, webApplicationJob } from '@user-workspaces/job-types';
import { createLocalResource } from '@user-workspaces/resource-local';
import { createHttpServer, createServer } from '@user-workspaces/server';
import { createLocalStorage } from '@user-workspaces/storage-local';
import Koa from 'koa';

const port = Number(process.env.PORT ?? 8080);
const data = process.env.DATA_DIRECTORY ?? join(tmpdir(), 'user-workspaces-embedded');
const isRoot = process.getuid?.() === 0;
for (const name of ['', 'server', 'workspaces', 'launches']) {
  mkdirSync(join(data, name), { recursive: true, mode: name === 'server' ? 0o700 : 0o711 });
}

const database = createSqlDatabase({ client: 'sqlite', file: join(data, 'server', 'database.sqlite') });
const storage = await createLocalStorage({
  name: 'files',
  rootDirectory: join(data, 'workspaces'),
  allowedLinkRoots: [],
  ownership: isRoot ? 'chown' : 'none',
});
const resource = await createLocalResource({ name: 'here', recordsDirectory: join(data, 'launches') });

const workspaces = await createServer({
  authentication: createLocalAuthentication({ name: 'portal' }),
  // As root each user gets a user id of their own, so that jobs cannot read each other's files.
  accounts: isRoot ? createReservedAccounts({ directory: join(data, 'server') }) : createOwnAccount(),
  singleUser: !isRoot,
  database,
  storages: [storage],
  resources: [{ resource, parameterMapping: {} }],
  jobTypes: new Map([
    ['test', { name: 'Test', resources: new Map([['here', localTestJob.configure({}, 'test')]]) }],
    [
      'files',
      {
        name: 'Files',
        resources: new Map([
          [
            'here',
            webApplicationJob.configure(
              { command: ['python3', '-m', 'http.server', '{port}', '--bind', '{host}'] },
              'files',
            ),
          ],
        ]),
      },
    ],
  ]),
  parameters: [],
  publicUrl: `http://127.0.0.1:${port}`,
  prefix: '/workspaces-api',
});
await workspaces.setApiClient('portal', process.env.CLIENT_TOKEN ?? 'embedded-example');

const application = new Koa();
application.use(workspaces.middleware);
application.use((context) => {
  context.body = 'The portal itself.';
});

const http = createHttpServer(application.callback());
workspaces.attach(http);
http.listen(port, '127.0.0.1', () => console.log(`The portal: http://127.0.0.1:${port}`));

process.once('SIGTERM', async () => {
  http.close();
  await workspaces.close();
  await Promise.all([storage.close(), resource.close(), database.close()]);
});
