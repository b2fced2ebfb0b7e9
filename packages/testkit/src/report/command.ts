import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { messageOf } from '../error-message.js';
import type { Report } from '../results.js';
import { accountMappingSuite } from '../suites/account-mapping/index.js';
import { authenticationSuite } from '../suites/authentication/index.js';
import { databaseSuite } from '../suites/database/suite.js';
import { jobTypeSuite } from '../suites/job-type/index.js';
import { resourceSuite } from '../suites/resource/index.js';
import { storageSuite } from '../suites/storage/suite.js';
import { breakTrial } from '../trial.js';
import { adaptersOf, type DefinedAdapter, type TryOptions } from './define.js';
import { markdownTable, summaryOf, textTable } from './table.js';

const suites = [accountMappingSuite, authenticationSuite, databaseSuite, jobTypeSuite, resourceSuite, storageSuite];

const help = `Usage: uws-testkit [options] <module>

Tries the adapters of a module with the suites of their contracts and prints which guarantees they keep.

  <module>           an ES module: export default [...defineAdapters(resourceSuite, { name, open })]
  --markdown         print tables in Markdown
  --contract <name>  only adapters of this contract, such as Resource
  --guarantee <id>   only this guarantee, or those that begin with this word: launch.once, launch
  --at-once <n>      how many guarantees are tried side by side, 4 if not given
  --list             print the guarantees of all contracts instead, or of the one that --contract names
  --help             print this

The tables go to standard output, progress to standard error.
Ends with 0 when every guarantee is kept or differs as declared, 1 when one is broken, 2 when it was called wrongly, 130 when it was interrupted.
`;

interface Output {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

const terminal: Output = {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
};

/** The command `uws-testkit`. @returns its exit code. */
export async function run(args: readonly string[], { out, err }: Output = terminal): Promise<number> {
  const wrong = (sentence: string): number => {
    err(`uws-testkit: ${sentence} Call uws-testkit --help.\n`);
    return 2;
  };
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(args);
  } catch (error) {
    return wrong(`${messageOf(error)}.`);
  }
  const { values, positionals } = parsed;
  if (values.help) {
    out(help);
    return 0;
  }
  if (values.list) {
    const listed = suites.filter(({ contract }) => !values.contract || contract === values.contract);
    if (listed.length === 0)
      return wrong(
        `There is no contract ${values.contract}; there are ${suites.map(({ contract }) => contract).join(', ')}.`,
      );
    out(listed.map(listOf).join('\n'));
    return 0;
  }
  const [path, ...more] = positionals;
  if (path === undefined || more.length > 0) return wrong('One module is needed.');
  const atOnce = Number(values['at-once']);
  if (!Number.isInteger(atOnce) || atOnce < 1) return wrong('--at-once is a whole number above 0.');

  let adapters: readonly DefinedAdapter[];
  try {
    adapters = adaptersOf(await import(pathToFileURL(resolve(path)).href));
  } catch (error) {
    return wrong(`${path} cannot be used: ${messageOf(error)}`);
  }
  const wanted = adapters.filter(({ contract }) => !values.contract || contract === values.contract);
  if (wanted.length === 0) {
    const contracts = [...new Set(adapters.map(({ contract }) => contract))].join(', ');
    return wrong(`There is no adapter of the contract ${values.contract}; the module has ${contracts}.`);
  }

  const word = values.guarantee;
  const chosen = (id: string): boolean => word === undefined || id === word || id.startsWith(`${word}.`);
  if (!wanted.some(({ guarantees }) => guarantees.some(chosen))) {
    return wrong(`No guarantee is called ${word}: uws-testkit --list prints them.`);
  }
  return tryAll(wanted, { atOnce, chosen }, values.markdown, { out, err });
}

async function tryAll(
  adapters: readonly DefinedAdapter[],
  options: Omit<TryOptions, 'signal'>,
  asMarkdown: boolean,
  { out, err }: Output,
): Promise<number> {
  const interrupted = new AbortController();
  const interrupt = (): void => {
    err('\nInterrupted: what is under way is put away. ');
    interrupted.abort(new Error('It was interrupted.'));
  };
  const uncaught = (error: unknown): void => {
    if (!breakTrial(error)) throw error;
  };
  process.once('SIGINT', interrupt);
  process.on('uncaughtException', uncaught).on('unhandledRejection', uncaught);
  const reports: Report[] = [];
  try {
    for (const adapter of adapters) {
      const count = adapter.guarantees.filter(options.chosen).length;
      if (count === 0) continue;
      err(`${adapter.contract}: ${adapter.name}, ${count} guarantees … `);
      const report = await adapter.tryIt({ ...options, signal: interrupted.signal });
      err(`${summaryOf(report)}\n`);
      reports.push(report);
      if (interrupted.signal.aborted) break;
    }
  } finally {
    process.off('SIGINT', interrupt).off('uncaughtException', uncaught).off('unhandledRejection', uncaught);
  }
  out(asMarkdown ? markdownTable(reports) : textTable(reports));
  if (interrupted.signal.aborted) return 130;
  return reports.some(({ results }) => results.some(({ outcome }) => outcome === 'broken')) ? 1 : 0;
}

function listOf({ contract, guarantees }: (typeof suites)[number]): string {
  const width = Math.max(...guarantees.map(({ id }) => id.length));
  return [contract, ...guarantees.map(({ id, promise }) => `  ${id.padEnd(width)}  ${promise}`), ''].join('\n');
}

function parse(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      markdown: { type: 'boolean', default: false },
      contract: { type: 'string' },
      guarantee: { type: 'string' },
      list: { type: 'boolean', default: false },
      'at-once': { type: 'string', default: '4' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
}
