// Holds the write lock of an SQLite database until its standard input ends: hold-lock.mjs <file>
import { createRequire } from 'node:module';

const Libsql = createRequire(new URL('../../../packages/database-sql/package.json', import.meta.url))('libsql');
const database = new Libsql(process.argv[2]);
database.pragma('busy_timeout=5000');
database.exec('BEGIN IMMEDIATE');
process.stdout.write('locked\n');
process.stdin.on('end', () => {
  database.exec('ROLLBACK');
  database.close();
});
process.stdin.resume();
