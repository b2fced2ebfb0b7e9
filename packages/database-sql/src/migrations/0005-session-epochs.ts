import type { Migration } from './index.js';
import { addColumns } from './table-sketch.js';

/** Which tickets and cookies still open a user's sessions. */
export const sessionEpochs: Migration = {
  version: 5,
  name: 'session epochs',
  creates: [],
  statements: (schema, flavour) =>
    addColumns(schema, flavour, 'users', { session_epoch: { kind: 'integer', present: 0 } }),
};
