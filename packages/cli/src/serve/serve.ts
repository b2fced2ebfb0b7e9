import { createServer } from '@user-workspaces/server';
import { type Assembly, assemble } from '../assembly/assemble.js';
import type { LoadedConfiguration } from '../configuration/configuration.js';
import { configuredPortal } from '../configuration/configured-portal.js';
import { limitsOf } from '../configuration/limits.js';
import { clientTokenOf } from '../data-directory/client-token.js';
import { type DataLayout, prepareDataDirectory } from '../data-directory/layout.js';
import { acquireLock } from '../data-directory/lock.js';
import { version } from '../version.js';
import { inkFor, renderAnnouncement } from './announcement.js';
import { makeSignInLink } from './first-user.js';
import { type Listener, listen } from './listen.js';
import { createLog, type ServerLog } from './log.js';
import { closeListener, untilSignal } from './shutdown.js';

/**
 * Runs the server until a signal ends it. Jobs are not touched by its end.
 *
 * @throws AdapterError when it cannot start; nothing is left open then.
 */
export async function serve(loaded: LoadedConfiguration): Promise<void> {
  const { configuration } = loaded;
  // What is printed for people may fail, as on a full disk: that ends no server.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  const layout = await prepareDataDirectory(configuration.data_dir, configuration.accounts !== 'own');
  const serverLog = createLog(configuration);
  const lock = await acquireLock(layout.locks, layout.root);
  try {
    const listener = await listen(configuration.host, configuration.port, limitsOf(configuration));
    try {
      await run(loaded, layout, listener, serverLog);
    } finally {
      listener.http.close();
      listener.http.closeAllConnections();
    }
  } finally {
    await lock.release();
    await serverLog.flush();
  }
}

async function run(
  loaded: LoadedConfiguration,
  layout: DataLayout,
  listener: Listener,
  { log, lostLines, reopen }: ServerLog,
): Promise<void> {
  const { configuration, adapters } = loaded;
  const clientToken = await clientTokenOf(configuration.client_token, layout.clientToken);
  const assembly: Assembly = await assemble({ configuration, adapters, layout, boundUrl: listener.url, log });
  try {
    const { options } = assembly;
    const server = await createServer({ ...options, lostLogLines: lostLines });
    try {
      await server.setApiClient(configuredPortal, clientToken.value);
      const signIn = await makeSignInLink(server, options.accounts, configuration, options.publicUrl);
      server.attach(listener.http);
      listener.serve(server.handler);
      const stopping = untilSignal(reopen);
      for (const { level, message } of loaded.notices)
        process.stdout.write(`${level === 'warn' ? 'Warning: ' : ''}${message}\n`);
      process.stdout.write(
        renderAnnouncement(
          {
            version,
            publicUrl: options.publicUrl,
            configuration,
            file: loaded.file,
            clientToken,
            clientTokenFile: layout.clientToken,
            signIn,
            jobTypes: options.jobTypes,
            resource: options.resources[0].resource,
            singleUser: options.singleUser ?? false,
          },
          inkFor(process.stdout, process.env),
        ),
      );
      log.info({ url: options.publicUrl, data: layout.root, version }, 'the server is ready');
      const signal = await stopping;
      process.stdout.write('Stopping; running jobs go on.\n');
      log.info({ signal }, 'the server stops');
    } finally {
      await closeListener(listener.http, () => server.close());
    }
  } finally {
    await assembly.close();
  }
}
