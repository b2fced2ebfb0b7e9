import {
  accountMappingSuite,
  authenticationSuite,
  jobTypeSuite,
  resourceSuite,
  testAdapter,
} from '@user-workspaces/testkit';
import { describe, test } from 'vitest';
import { fixedAccounts, greeting, headerAuthentication, httpRunner } from '../src/kit.js';

testAdapter({ describe, test }, authenticationSuite, headerAuthentication);
testAdapter({ describe, test }, accountMappingSuite, fixedAccounts);
testAdapter({ describe, test }, jobTypeSuite, greeting);
testAdapter({ describe, test: test.concurrent }, resourceSuite, httpRunner);
