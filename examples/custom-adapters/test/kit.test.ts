import {
  accountMappingSuite,
  authenticationSuite,
  databaseSuite,
  jobTypeSuite,
  resourceSuite,
  storageSuite,
  testAdapter,
} from '@user-workspaces/testkit';
import { describe, test } from 'vitest';
import { journalDatabase } from '../src/journal-database/world.js';
import { fixedAccounts, greeting, headerAuthentication, httpRunner, portalAuthentication } from '../src/kit.js';
import { volumes } from '../src/volumes/world.js';

testAdapter({ describe, test }, authenticationSuite, headerAuthentication);
testAdapter({ describe, test }, authenticationSuite, portalAuthentication);
testAdapter({ describe, test }, accountMappingSuite, fixedAccounts);
testAdapter({ describe, test }, storageSuite, volumes);
testAdapter({ describe, test }, databaseSuite, journalDatabase);
testAdapter({ describe, test }, jobTypeSuite, greeting);
testAdapter({ describe, test: test.concurrent }, resourceSuite, httpRunner);
