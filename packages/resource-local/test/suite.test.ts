import { resourceSuite, testAdapter } from '@user-workspaces/testkit';
import { describe, test } from 'vitest';
import { localResources } from './world.js';

for (const adapter of localResources) testAdapter({ describe, test: test.concurrent }, resourceSuite, adapter);
