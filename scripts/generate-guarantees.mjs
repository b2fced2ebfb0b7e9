// Writes docs/guarantees.md from the suites of the test kit; `--check` only tells whether it is up to date.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const path = 'docs/guarantees.md';

// From the sources, so that nothing must be built first.
const { outputFiles } = await build({
  entryPoints: [`${root}packages/testkit/src/index.ts`],
  bundle: true,
  write: false,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  alias: { '@user-workspaces/contract': `${root}packages/contract/src/index.ts` },
});
const kit = await import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`);
const suites = [
  kit.authenticationSuite,
  kit.accountMappingSuite,
  kit.storageSuite,
  kit.databaseSuite,
  kit.resourceSuite,
  kit.jobTypeSuite,
];

const cell = (text) => text.replaceAll('|', '\\|');
const row = (...cells) => `| ${cells.map(cell).join(' | ')} |`;

function tableOf(header, rows) {
  return [row(...header), row(...header.map(() => '---')), ...rows].join('\n');
}

function sectionOf({ contract, capabilities, guarantees }) {
  const capabilityRows = Object.entries(capabilities).map(([name, meaning]) => row(`\`${name}\``, meaning));
  const differences =
    capabilityRows.length === 0
      ? 'Nothing may be lacking.'
      : `What an adapter may lack, if it says why:\n\n${tableOf(['capability', 'meaning'], capabilityRows)}`;
  const rows = guarantees.flatMap(({ id, promise, trial, without = [] }) => [
    row(`\`${id}\``, promise, trial),
    ...[without].flat().map((instead) => row('', `*instead, without* \`${instead.capability}\``, instead.trial)),
  ]);
  return `## ${contract}\n\n${differences}\n\n${tableOf(['guarantee', 'promise', 'what is tried'], rows)}\n`;
}

const counts = suites.map(({ contract, guarantees }) =>
  row(`[${contract}](#${contract.toLowerCase()})`, String(guarantees.length)),
);
const text = `<!-- Generated from packages/testkit/src/suites by \`npm run generate\`. Do not edit. -->

# Guarantees

What the server relies on, contract by contract, and what the [test kit](../packages/testkit) does to an adapter to see whether it keeps it. How to have one's own adapter tried: [adapters.md](adapters.md).

${tableOf(['contract', 'guarantees'], counts)}

${suites.map(sectionOf).join('\n')}`;

const present = (() => {
  try {
    return readFileSync(root + path, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
})();
if (present !== text && process.argv.includes('--check')) {
  console.error(`${path} differs from the suites of the test kit. Run \`npm run generate\` and commit.`);
  process.exit(1);
}
if (present !== text) writeFileSync(root + path, text);
console.log(present === text ? `${path} is up to date.` : `Written: ${path}`);
