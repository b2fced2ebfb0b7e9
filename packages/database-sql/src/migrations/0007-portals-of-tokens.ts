import type { Migration } from './index.js';

/** Which portal signed a token's user in. */
export const portalsOfTokens: Migration = {
  version: 7,
  name: 'portals of tokens',
  creates: [],
  statements: (schema) =>
    schema.alterTable('tokens', (table) => {
      // Also of what a server of the former release, which does not know the column, still makes.
      table.bigInteger('client_id').nullable().defaultTo(-1);
      table.index(['client_id', 'id'], 'tokens_client_id_id_index');
    }),
};
