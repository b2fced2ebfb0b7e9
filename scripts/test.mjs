// Runs every test: unit tests of the packages, then those that cross packages. Arguments are passed on to the test runner.
// Closes with one line `N passed, N failed, N skipped`.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const directory = mkdtempSync(join(tmpdir(), 'uws-results-'));
const report = join(directory, 'report.json');
const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
const args = ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...process.argv.slice(2)];
const { status } = spawnSync(process.execPath, [vitest, ...args], { cwd: root, stdio: 'inherit' });

let results;
try {
  results = JSON.parse(readFileSync(report, 'utf8'));
} catch (error) {
  console.error(`The test runner left no results: ${error.message}`);
  process.exit(1);
} finally {
  rmSync(directory, { recursive: true, force: true });
}
const skipped = results.numPendingTests + results.numTodoTests;
// A file that cannot be loaded has failed, though none of its tests ran.
const broken = results.testResults.filter(
  (file) => file.status === 'failed' && file.assertionResults.length === 0,
).length;
const isStrict = Boolean(process.env.CI);
// A worker that died leaves tests without a result.
for (const { name, assertionResults } of results.testResults) {
  const without = assertionResults.filter(({ status }) => !['passed', 'failed', 'skipped', 'todo'].includes(status));
  for (const { fullName } of without) console.error(`No result: ${relative(root, name)}: ${fullName}`);
}
if (isStrict && skipped > 0) console.error('In CI a test that does not run is a failure.');
console.log(`${results.numPassedTests} passed, ${results.numFailedTests + broken} failed, ${skipped} skipped`);
process.exit(status !== 0 || broken > 0 || (isStrict && skipped > 0) ? 1 : 0);
