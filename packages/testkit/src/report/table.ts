import { messageOf } from '../error-message.js';
import type { Report, Result } from '../results.js';

/** Lines of an error that are told: enough for a difference between two values and the calls before it. */
const toldLines = 40;
/** Characters of an error in a cell of a table. */
const cellLength = 400;

/** How a guarantee fared, in words: `kept`, `differs: <reason>` or `broken: <the error, on one line>`. */
function outcomeOf(result: Result): string {
  if (result.outcome === 'kept') return 'kept';
  if (result.outcome === 'differs') return `differs: ${result.difference}`;
  const message = messageOf(result.error).replaceAll(/\s+/g, ' ').trim();
  return `broken: ${message.length > cellLength ? `${message.slice(0, cellLength)}…` : message}`;
}

/** The same as lines for a terminal. */
function outcomeLines(result: Result): string[] {
  if (result.outcome !== 'broken') return [outcomeOf(result)];
  const lines = `broken: ${messageOf(result.error).trim()}`.split('\n');
  return lines.length > toldLines
    ? [...lines.slice(0, toldLines), `… and ${lines.length - toldLines} further lines`]
    : lines;
}

/** `42 kept, 2 differ, 1 broken`. */
export function summaryOf({ results }: Report): string {
  const count = (outcome: Result['outcome']) => results.filter((result) => result.outcome === outcome).length;
  return `${count('kept')} kept, ${count('differs')} differ, ${count('broken')} broken`;
}

/** The table as text for a terminal. */
export function textTable(reports: readonly Report[]): string {
  return reports
    .map((report) => {
      const width = Math.max(...report.results.map(({ id }) => id.length));
      const rows = report.results.flatMap((result) => {
        const mark = { kept: '✓', differs: '~', broken: '✗' }[result.outcome];
        const line = `${mark} ${result.id.padEnd(width)}  ${result.promise}`;
        const indent = ' '.repeat(width + 4);
        return result.outcome === 'kept'
          ? [line]
          : [line, ...outcomeLines(result).map((text) => `${indent}${text}`), `${indent}tried: ${result.trial}`];
      });
      return [`${report.contract}: ${report.adapter}`, ...rows, summaryOf(report), ''].join('\n');
    })
    .join('\n');
}

/** The table as Markdown: one table per contract, one column per adapter. Without times, so that two runs give the same text. */
export function markdownTable(reports: readonly Report[]): string {
  const contracts = [...new Set(reports.map(({ contract }) => contract))];
  return contracts
    .map((contract) => {
      const columns = reports.filter((report) => report.contract === contract);
      const header = ['guarantee', 'promise', ...columns.map(({ adapter }) => adapter)];
      const rows = (columns[0]?.results ?? []).map(({ id, promise }) => [
        `\`${id}\``,
        promise,
        ...columns.map(({ results }) => {
          const result = results.find((each) => each.id === id);
          return result ? outcomeOf(result) : '';
        }),
      ]);
      const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
      return [`## ${contract}`, '', line(header), line(header.map(() => '---')), ...rows.map(line), ''].join('\n');
    })
    .join('\n');
}
