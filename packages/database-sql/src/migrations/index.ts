import type { Knex } from 'knex';
import type { SchemaFlavour } from '../dialect.js';
import { initial } from './0001-initial.js';
import { administration } from './0002-administration.js';
import { idleSessions } from './0003-idle-sessions.js';
import { gpuHours } from './0004-gpu-hours.js';
import { sessionEpochs } from './0005-session-epochs.js';
import { acceptedOffers } from './0006-accepted-offers.js';
import { portalsOfTokens } from './0007-portals-of-tokens.js';

/** A step from one version of the tables to the next. Once released it never changes. */
export interface Migration {
  readonly version: number;
  readonly name: string;
  /** Tables that must not be there before. */
  readonly creates: readonly string[];
  statements(schema: Knex.SchemaBuilder, flavour: SchemaFlavour): Knex.SchemaBuilder;
}

/** In order; versions count up from 1. */
export const migrations: readonly Migration[] = [
  initial,
  administration,
  idleSessions,
  gpuHours,
  sessionEpochs,
  acceptedOffers,
  portalsOfTokens,
];
