// The server as a crash test runs it: everything is real, and it ends itself by SIGKILL at the step it was told.
//
//   CRASH_STEP, CRASH_COUNT              steps are counted from the start; at the n-th of this name the process dies
//   POST /.crash?step=<name>&count=<n>   the same from now on; without a name nothing dies; with &signal=SIGSTOP it is halted instead
//   GET  /.crash                         the steps since then, in order
//   CRASH_DATABASE_URL, CRASH_INSTANCE   PostgreSQL instead of SQLite, and the name of this server among those that share it
import { appendFileSync, lstatSync, mkdirSync } from 'node:fs';
import promises from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { createLocalAuthentication, createOwnAccount, createReservedAccounts } from '@user-workspaces/auth-local';
import { createSqlDatabase } from '@user-workspaces/database-sql';
import { createLocalResource } from '@user-workspaces/resource-local';
import { createServer } from '@user-workspaces/server';
import { createLocalStorage } from '@user-workspaces/storage-local';

const port = Number(process.env.UWS_PORT);
const data = process.env.UWS_DATA_DIR ?? '';
const isRoot = process.getuid?.() === 0;

const steps = [];
let armed = { step: process.env.CRASH_STEP ?? '', count: Number(process.env.CRASH_COUNT ?? 1) };

function step(name) {
  steps.push(name);
  if (name !== armed.step) return;
  armed.count -= 1;
  if (armed.count === 0) process.kill(process.pid, armed.signal ?? 'SIGKILL');
}

watchFiles();
for (const [name, mode] of [
  ['', 0o711],
  ['server', 0o700],
  ['workspaces', 0o711],
  ['launches', 0o711],
  ['links', 0o755],
  ['starts', 0o1777],
]) {
  mkdirSync(join(data, name), { recursive: true });
  await promises.chmod(join(data, name), mode);
}

const connection = process.env.CRASH_DATABASE_URL;
const database = watchRows(
  createSqlDatabase(
    connection ? { client: 'pg', connection } : { client: 'sqlite', file: join(data, 'server', 'database.sqlite') },
  ),
);
const storage = await createLocalStorage({
  name: 'files',
  rootDirectory: join(data, 'workspaces'),
  allowedLinkRoots: [join(data, 'links')],
  ownership: isRoot ? 'chown' : 'none',
});
const resource = await createLocalResource({
  name: 'here',
  recordsDirectory: join(data, 'launches'),
  steps: (name) => step(name.replace(/^(.*):(before|after)$/, '$2 $1')),
});

/** Leaves a line each time it starts, outside the workspace, so that it outlives it; `job_details`: seconds to live, exit code, deaf to TERM. */
const countingJob = {
  recipe: ({ jobId, jobDetails }) => ({
    command: [
      '/bin/sh',
      '-c',
      `${jobDetails.deaf ? 'trap "" TERM; ' : ''}echo started >> "$1"; sleep "$2"; exit "$3"`,
      'counting',
      join(data, 'starts', String(jobId)),
      String(Number(jobDetails.seconds ?? 60)),
      String(Number(jobDetails.exit_code ?? 0)),
    ],
    files: [],
    environment: {},
  }),
};

const server = await createServer({
  // One server is asked for hundreds of copies for one user, and keeps them.
  limits: { open_shares: 10_000, open_shares_to_one: 10_000 },
  authentication: createLocalAuthentication({ name: 'portal' }),
  accounts: isRoot ? createReservedAccounts({ directory: join(data, 'server', 'accounts') }) : createOwnAccount(),
  database,
  storages: [storage],
  resources: [{ resource, parameterMapping: { time_limit_minutes: 'time_limit' } }],
  jobTypes: new Map([['counting', { name: 'Counting', resources: new Map([['here', countingJob]]) }]]),
  parameters: [
    {
      display_name: 'Time limit',
      description: '',
      variable_name: 'time_limit_minutes',
      default_value: 10,
      validation: { type: 'int', min: 1, max: 720, required: false },
    },
  ],
  mailer: { send: async ({ to }) => appendFileSync(join(data, 'mails'), `${to}\n`) },
  instance: process.env.CRASH_INSTANCE ?? 'crash-test',
  publicUrl: `http://127.0.0.1:${port}`,
  stopGraceMs: 1_000,
  step,
});
await server.setApiClient('portal', process.env.UWS_CLIENT_TOKEN ?? '');

const http = createHttpServer((request, response) => {
  if (!request.url?.startsWith('/.crash')) return server.handler(request, response);
  if (request.method === 'POST') {
    const query = new URL(request.url, 'http://localhost').searchParams;
    armed = {
      step: query.get('step') ?? '',
      count: Number(query.get('count') ?? 0),
      signal: query.get('signal') ?? 'SIGKILL',
    };
    steps.length = 0;
  }
  response.end(JSON.stringify(steps));
});
server.attach(http);
http.listen(port, '127.0.0.1');

process.once('SIGTERM', async () => {
  http.close();
  http.closeAllConnections();
  await server.close();
  await Promise.all([storage.close(), resource.close(), database.close()]);
});

/** A step before and after the end of each transaction that wrote rows, named after what it wrote. */
function watchRows(real) {
  const transaction = async (work, signal) => {
    let name = '';
    const result = await real.transaction(async (rows) => {
      const written = new Set();
      const noting =
        (verb) =>
        (table, ...rest) => {
          written.add(`${verb} ${table}`);
          return rows[verb](table, ...rest);
        };
      const watched = {
        find: (...given) => rows.find(...given),
        findOne: (...given) => rows.findOne(...given),
        count: (...given) => rows.count(...given),
        lock: (...given) => rows.lock(...given),
        insert: noting('insert'),
        update: noting('update'),
        increment: noting('increment'),
        remove: noting('remove'),
      };
      const answer = await work(watched);
      // A user's counter is raised with every event; a token's last use is noted once a minute.
      const always = ['increment users', 'insert events', 'update tokens'];
      name = [...written]
        .filter((words) => !always.includes(words))
        .sort()
        .join(', ');
      if (name !== '') step(`before rows: ${name}`);
      return answer;
    }, signal);
    if (name !== '') step(`after rows: ${name}`);
    return result;
  };
  return {
    capabilities: real.capabilities,
    find: (...given) => real.find(...given),
    findOne: (...given) => real.findOne(...given),
    count: (...given) => real.count(...given),
    migrate: (...given) => real.migrate(...given),
    check: (...given) => real.check(...given),
    close: () => real.close(),
    transaction,
  };
}

/** A step before each change that the storage makes; what comes after it is before the next one. */
function watchFiles() {
  const isStorage = (path) => typeof path === 'string' && path.startsWith('/proc/self/fd/');
  for (const name of ['mkdir', 'rename', 'link', 'symlink', 'unlink', 'rmdir', 'chown', 'lchown', 'chmod']) {
    const real = promises[name];
    promises[name] = (...given) => {
      // What changes nothing is no step: a directory that is there already, a file that is gone already.
      const isThere = lstatSync(given[0], { throwIfNoEntry: false }) !== undefined;
      const changes = name === 'symlink' || (name === 'mkdir' ? !isThere : isThere);
      if (changes && given.some(isStorage)) step(`before files: ${name}`);
      return real(...given);
    };
  }
  const open = promises.open;
  promises.open = async (path, flags, ...rest) => {
    const makes = typeof flags === 'number' && (flags & 0o100) !== 0;
    if (makes && isStorage(path)) step('before files: create');
    const handle = await open(path, flags, ...rest);
    if (makes && isStorage(path)) {
      const write = handle.write;
      handle.write = (...given) => {
        step('before files: write');
        return write.apply(handle, given);
      };
    }
    return handle;
  };
  syncBuiltinESMExports();
}
