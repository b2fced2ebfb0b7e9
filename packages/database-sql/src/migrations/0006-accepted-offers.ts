import type { Migration } from './index.js';
import { addColumns } from './table-sketch.js';

/** What was offered with a share, kept when it is accepted. */
export const acceptedOffers: Migration = {
  version: 6,
  name: 'accepted offers',
  creates: [],
  statements: (schema, flavour) => addColumns(schema, flavour, 'shares', { accepted_offer: 'json?' }),
};
