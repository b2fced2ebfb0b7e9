import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import type { Report } from '../results.js';
import { adaptersOf, type DefinedAdapter } from './define.js';
import { markdownTable, summaryOf, textTable } from './table.js';

const help = `Usage: uws-testkit [options] <module>

Tries the adapters of a module with the suites of their contracts and prints which guarantees they keep.

  <module>           an ES module: export default [...defineAdapters(resourceSuite, { name, open })]
  --markdown         print tables in Markdown
  --contract <name>  only adapters of this contract, such as Resource
  --at-once <n>      how many guarantees are tried side by side, 4 if not given
  --help             print this

The tables go to standard output, progress to standard error.
Ends with 0 when every guarantee is kept or differs as declared, 1 when one is broken, 2 when it was called wrongly.
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
    return wrong(`${error instanceof Error ? error.message : String(error)}.`);
  }
  const { values, positionals } = parsed;
  if (values.help) {
    out(help);
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
    return wrong(`${path} cannot be used: ${error instanceof Error ? error.message : String(error)}`);
  }
  const wanted = adapters.filter(({ contract }) => !values.contract || contract === values.contract);
  if (wanted.length === 0) {
    const contracts = [...new Set(adapters.map(({ contract }) => contract))].join(', ');
    return wrong(`There is no adapter of the contract ${values.contract}; the module has ${contracts}.`);
  }

  const reports: Report[] = [];
  for (const adapter of wanted) {
    err(`${adapter.contract}: ${adapter.name}, ${adapter.count} guarantees … `);
    const report = await adapter.tryIt(atOnce);
    err(`${summaryOf(report)}\n`);
    reports.push(report);
  }
  out(values.markdown ? markdownTable(reports) : textTable(reports));
  return reports.some(({ results }) => results.some(({ outcome }) => outcome === 'broken')) ? 1 : 0;
}

function parse(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      markdown: { type: 'boolean', default: false },
      contract: { type: 'string' },
      'at-once': { type: 'string', default: '4' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
}
