import { storageSuite, testAdapter } from '@user-workspaces/testkit';
import { describe, test } from 'vitest';
import { setups } from './setups.js';
import { storageUnderTest } from './world.js';

for (const setup of setups) testAdapter({ describe, test }, storageSuite, await storageUnderTest(setup));
