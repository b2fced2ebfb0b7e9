// A server with a sign-in and a job type of its own; everything else is as shipped.
import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createOwnAccount, createReservedAccounts } from '@user-workspaces/auth-local';
import { createSqlDatabase } from '@user-workspaces/database-sql';
import { createLocalResource } from '@user-workspaces/resource-local';
import { createHttpServer, createServer } from '@user-workspaces/server';
import { createLocalStorage } from '@user-workspaces/storage-local';
import { greetingJob } from './greeting-job.js';
import { createHeaderAuthentication } from './header-authentication.js';

const port = Number(process.env.UWS_PORT ?? 5050);
const data = process.env.UWS_DATA_DIR ?? join(tmpdir(), 'user-workspaces-custom');
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
const greeting = greetingJob.configure({ greeting: 'Good morning' }, 'terminal');

const workspaces = await createServer({
  authentication: createHeaderAuthentication(),
  accounts: isRoot ? createReservedAccounts({ directory: join(data, 'server') }) : createOwnAccount(),
  singleUser: !isRoot,
  database,
  storages: [storage],
  resources: [{ resource, parameterMapping: {} }],
  // It takes the name of the shipped terminal, so that the examples of the README start it.
  jobTypes: new Map([['terminal', { name: 'Greeting', resources: new Map([['here', greeting]]) }]]),
  parameters: [],
  publicUrl: `http://127.0.0.1:${port}`,
});
await workspaces.setApiClient('portal', 'custom-adapters-example');

const http = createHttpServer(workspaces.handler);
workspaces.attach(http);
http.listen(port, '127.0.0.1', () => console.log(`Listening on http://127.0.0.1:${port}`));

process.once('SIGTERM', async () => {
  http.close();
  await workspaces.close();
  await Promise.all([storage.close(), resource.close(), database.close()]);
});
