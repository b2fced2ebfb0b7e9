import { jobTypeSuite, testAdapter } from '@user-workspaces/testkit';
import { describe, test } from 'vitest';
import { shippedJobTypes } from './adapters.js';

for (const adapter of shippedJobTypes) testAdapter({ describe, test }, jobTypeSuite, adapter);
