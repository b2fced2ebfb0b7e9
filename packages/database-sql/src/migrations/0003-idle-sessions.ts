import type { Migration } from './index.js';
import { addColumns } from './table-sketch.js';

/** Warnings about unused sessions, and why the server itself stops a job. */
export const idleSessions: Migration = {
  version: 3,
  name: 'idle sessions',
  creates: [],
  statements: (schema, flavour) =>
    addColumns(schema, flavour, 'jobs', { stop_reason: 'name?', idle_stop_at_ms: 'integer?' }),
};
