// Another process that uses a journal: `node program.js <file> <task> <times>`, for tests.
import { runDatabaseTask } from '@user-workspaces/testkit';
import { openJournalDatabase } from './database.js';

const [file = '', task = '', times = '1'] = process.argv.slice(2);
await runDatabaseTask(await openJournalDatabase({ file }), task, Number(times));
