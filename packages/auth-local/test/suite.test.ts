import { accountMappingSuite, authenticationSuite, testAdapter } from '@user-workspaces/testkit';
import { describe, test } from 'vitest';
import { localAccounts, localAuthentication } from './adapters.js';

testAdapter({ describe, test }, authenticationSuite, localAuthentication);
for (const adapter of localAccounts) testAdapter({ describe, test }, accountMappingSuite, adapter);
