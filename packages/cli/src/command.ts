import { AdapterError } from '@user-workspaces/contract';
import { Command, CommanderError } from 'commander';
import { adminCommand } from './administration/command.js';
import { renderCheck, renderCheckJson } from './commands/config-check.js';
import type { LoadedConfiguration } from './configuration/configuration.js';
import { loadConfiguration } from './configuration/load.js';
import { settings } from './configuration/settings.js';
import { settingsHelp } from './configuration/settings-text.js';
import { thisMachine } from './machine.js';
import { version } from './version.js';

type Options = Readonly<Record<string, string | undefined>>;

async function load(options: Options): Promise<LoadedConfiguration> {
  return loadConfiguration({
    options,
    environment: process.env,
    cwd: process.cwd(),
    machine: await thisMachine(process.env),
  });
}

function serveCommand(): Command {
  const command = new Command('serve')
    .description('Start the server. Ctrl-C stops it; running jobs go on, and the next start finds them again.')
    .option('--config <file>', 'configuration file (UWS_CONFIG)');
  const keys = new Map<string, string>();
  for (const [key, { option, summary }] of settings) {
    if (option === undefined) continue;
    command.option(option, summary);
    keys.set(command.options.at(-1)?.attributeName() ?? '', key);
  }
  return command
    .addHelpText('after', () => `\n${settingsHelp()}`)
    .action(async (given: Options) => {
      const options = Object.entries(given).map(([name, value]) => [keys.get(name) ?? name, value] as const);
      const loaded = await load(Object.fromEntries(options));
      // The adapters and the server take a moment to load, and the other commands need neither.
      const { serve } = await import('./serve/serve.js');
      await serve(loaded);
    });
}

function configCommand(): Command {
  const check = new Command('check')
    .description('Check the configuration and print what holds, with where each value comes from. Secrets are masked.')
    .argument('[file]', 'configuration file; default: UWS_CONFIG')
    .option('--json', 'for programs')
    .action(async (file: string | undefined, { json }: { readonly json?: true }) => {
      const loaded = await load({ config: file });
      process.stdout.write(json ? renderCheckJson(loaded) : renderCheck(loaded));
    });
  return new Command('config').description('Look after the configuration.').addCommand(check);
}

function migrateCommand(): Command {
  return new Command('migrate')
    .description('Create or upgrade the tables of the database. Every start of the server does it too.')
    .option('--config <file>', 'configuration file (UWS_CONFIG)')
    .action(async (options: Options) => {
      const loaded = await load(options);
      const { migrate } = await import('./commands/migrate.js');
      await migrate(loaded);
      process.stdout.write('The tables are up to date.\n');
    });
}

/**
 * Runs `uws` and returns its exit code: 0 done, 1 failed, 2 wrong use or wrong configuration.
 *
 * @param argv Without the program and the script.
 */
export async function run(argv: readonly string[]): Promise<number> {
  if (process.platform === 'win32') {
    process.stderr.write('User Workspaces runs on Linux (in full) and macOS (reduced). On Windows, use WSL.\n');
    return 1;
  }
  const program = new Command('uws')
    .description('Serve, check and look after User Workspaces.')
    .version(version)
    .addCommand(serveCommand())
    .addCommand(configCommand())
    .addCommand(migrateCommand())
    .addCommand(adminCommand(load));
  for (const command of everyCommand(program)) command.exitOverride().showHelpAfterError('(--help tells more)');
  try {
    await program.parseAsync(argv, { from: 'user' });
    return 0;
  } catch (error) {
    // Commander has printed its own message already.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    // A rule of the API, broken at the terminal: its message is all there is to say.
    if (error instanceof Error && error.name === 'ApiError') {
      process.stderr.write(`${error.message}\n`);
      return 'code' in error && error.code === 'invalid_field' ? 2 : 1;
    }
    if (!AdapterError.is(error)) {
      process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
      return 1;
    }
    process.stderr.write(`${error.message}\n`);
    return error.kind === 'misconfigured' || error.kind === 'unsupported' ? 2 : 1;
  }
}

function everyCommand(command: Command): Command[] {
  return [command, ...command.commands.flatMap(everyCommand)];
}
