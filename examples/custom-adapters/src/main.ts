// A server with a sign-in, a storage, a database and a job type of its own; accounts and resource are as shipped.
import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createOwnAccount, createReservedAccounts } from '@user-workspaces/auth-local';
import { createLocalResource } from '@user-workspaces/resource-local';
import { createHttpServer, createServer } from '@user-workspaces/server';
import { greetingJob } from './greeting-job.js';
import { createHeaderAuthentication } from './header-authentication.js';
import { openJournalDatabase } from './journal-database/database.js';
import { createVolumesStorage } from './volumes/storage.js';

const port = Number(process.env.UWS_PORT ?? 5050);
const data = process.env.UWS_DATA_DIR ?? join(tmpdir(), 'user-workspaces-custom');
const isRoot = process.getuid?.() === 0;
for (const name of ['', 'server', 'workspaces', 'launches']) {
  mkdirSync(join(data, name), { recursive: true, mode: name === 'server' ? 0o700 : 0o711 });
}

const database = await openJournalDatabase({ file: join(data, 'server', 'journal') });
const storage = await createVolumesStorage({
  name: 'files',
  volumes: [join(data, 'workspaces', 'a'), join(data, 'workspaces', 'b')],
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
