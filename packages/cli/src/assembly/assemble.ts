import { AdapterError, type Storage } from '@user-workspaces/contract';
import { docsDirectory, pageDirectory } from '@user-workspaces/dashboard';
import { installPortableNode, installTerminalRuntime } from '@user-workspaces/job-types';
import type { ResourceEntry, ServerOptions } from '@user-workspaces/server';
import type { Logger } from 'pino';
import type { Configuration } from '../configuration/configuration.js';
import type { CustomAdapters } from '../configuration/custom-adapters.js';
import { limitsOf } from '../configuration/limits.js';
import { installationId } from '../data-directory/installation.js';
import { instanceName } from '../data-directory/instance.js';
import type { DataLayout } from '../data-directory/layout.js';
import { AdapterFactory } from './adapters.js';
import { createDatabase, databasePlace } from './database.js';
import { assembleJobTypes, runsElsewhere } from './job-types.js';
import { createMailer } from './mailer.js';
import { quotaDefaults } from './quotas.js';

const msPerDay = 24 * 60 * 60 * 1000;

/** What {@link assemble} puts together from. */
export interface AssemblyInput {
  readonly configuration: Configuration;
  readonly adapters: CustomAdapters;
  /** Prepared already. */
  readonly layout: DataLayout;
  /** Used where the configuration has none: the address that was bound. */
  readonly boundUrl: string;
  readonly log: Logger;
}

/** The parts of a server, open; {@link close} them after the server. */
export interface Assembly {
  readonly options: ServerOptions;
  close(): Promise<void>;
}

/**
 * Makes the adapters that the configuration names.
 *
 * @throws AdapterError when one cannot be made; those made before are closed again.
 */
export async function assemble(input: AssemblyInput): Promise<Assembly> {
  const opened: { close(): Promise<void> }[] = [];
  const close = async (): Promise<void> => {
    const results = await Promise.allSettled(
      opened
        .splice(0)
        .reverse()
        .map((adapter) => adapter.close()),
    );
    for (const result of results) {
      if (result.status === 'rejected') input.log.error({ err: result.reason }, 'an adapter could not be closed');
    }
  };
  try {
    return { options: await serverOptions(input, opened), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function serverOptions(input: AssemblyInput, opened: { close(): Promise<void> }[]): Promise<ServerOptions> {
  const { configuration, adapters, layout, boundUrl, log } = input;
  const database = createDatabase(configuration.database_url, layout.database);
  opened.push(database);
  const instance = instanceName(layout.root);
  const installation = async (): Promise<string> => {
    await database.migrate();
    return installationId(database, databasePlace(configuration.database_url, instance), layout.installation);
  };
  const factory = new AdapterFactory(configuration, layout, adapters, installation);
  const { authentication, accounts } = await factory.users();
  const runtime = await installTerminalRuntime(layout.runtime);
  const portable = Object.values(configuration.available_resources).some(runsElsewhere)
    ? await installPortableNode(runtime)
    : runtime;
  const jobTypes = assembleJobTypes(configuration, { runtime, portable }, adapters.job_types ?? []);

  const storages: Storage[] = [];
  for (const name of mainFirst(configuration.available_storage, configuration.main_storage)) {
    const storage = await factory.storage(name);
    opened.push(storage);
    storages.push(storage);
  }
  const resources: ResourceEntry[] = [];
  for (const name of mainFirst(configuration.available_resources, configuration.main_resource)) {
    const resource = await factory.resource(name);
    opened.push(resource);
    const entry = configuration.available_resources[name];
    resources.push({
      resource,
      parameterMapping: entry?.parameter_mapping ?? {},
      ...(entry?.passthrough_domain !== undefined && { passthroughDomain: entry.passthrough_domain }),
      ...(entry && { pendingWarningMs: entry.time_pending_catch * 1000 }),
    });
  }
  const { smtp_url: smtpUrl, mail_from: mailFrom } = configuration;
  return {
    authentication,
    accounts,
    database,
    storages: notEmpty(storages),
    resources: notEmpty(resources),
    jobTypes,
    parameters: configuration.parameters,
    publicUrl: configuration.public_url ?? boundUrl,
    trustedProxies: configuration.trusted_proxies,
    ...(configuration.trusted_proxy_secret !== undefined && { trustedProxySecret: configuration.trusted_proxy_secret }),
    allowedOrigins: configuration.allowed_origins,
    tokenLifetimeMs: configuration.token_lifetime_days * msPerDay,
    openDirectory: configuration.open_directory,
    quotas: quotaDefaults(configuration),
    auditRetentionMs: configuration.audit_retention_days * msPerDay,
    singleUser: accounts.shared && !configuration.allow_shared_account,
    stopGraceMs: configuration.stop_grace_seconds * 1000,
    limits: limitsOf(configuration),
    ...(smtpUrl !== undefined && mailFrom !== undefined && { mailer: createMailer(smtpUrl, mailFrom) }),
    pageDirectory,
    docsDirectory,
    instance,
    log,
  };
}

function mainFirst(section: Readonly<Record<string, unknown>>, main: string): string[] {
  return [main, ...Object.keys(section).filter((name) => name !== main)];
}

function notEmpty<T>([first, ...rest]: readonly T[]): [T, ...T[]] {
  if (first === undefined) throw new AdapterError('misconfigured', 'The configuration has an empty section.');
  return [first, ...rest];
}
