// Who is told where the database is.
import { inspect } from 'node:util';
import { AdapterError } from '@user-workspaces/contract';
import { afterAll, expect, it } from 'vitest';
import { createSqlDatabase } from '../src/index.js';

// Nobody listens there.
const database = createSqlDatabase({
  client: 'pg',
  connection: 'postgresql://u:hidden@127.0.0.1:1/workspaces',
});
afterAll(() => database.close());

async function failureOf(work: Promise<unknown>): Promise<AdapterError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!AdapterError.is(error, 'unavailable')) throw new Error('It has not failed as it should.', { cause: error });
  return error;
}

it('callers are not, as everybody is told the message; the log is', async () => {
  for (const ask of [() => database.count('users', {}), () => database.transaction(async () => undefined)]) {
    const error = await failureOf(ask());
    expect(error.message).toBe('PostgreSQL cannot be reached; try again later.');
    expect(JSON.stringify(error.details ?? {})).not.toContain('127.0.0.1');
    // What logs print: an error with its causes.
    expect(inspect(error)).toContain('PostgreSQL at 127.0.0.1:1/workspaces cannot be reached');
    expect(inspect(error)).not.toContain('hidden');
  }
});

it('whoever starts the server is', async () => {
  const { message } = await failureOf(database.migrate());
  expect(message).toBe('PostgreSQL at 127.0.0.1:1/workspaces cannot be reached; try again later.');
});
