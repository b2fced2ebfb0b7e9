import type { Migration } from './index.js';
import { addColumns } from './table-sketch.js';

/** What jobs used of GPUs; not known of those that ended before. */
export const gpuHours: Migration = {
  version: 4,
  name: 'GPU hours',
  creates: [],
  statements: (schema, flavour) => addColumns(schema, flavour, 'jobs', { gpu_hours: 'number?' }),
};
