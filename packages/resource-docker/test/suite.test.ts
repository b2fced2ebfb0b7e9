import { resourceSuite, testAdapter } from '@user-workspaces/testkit';
import { afterAll, describe, test } from 'vitest';
import { whatEngineNeeds } from '../../../test/backends/docker-engine.js';
import { describeUnless } from '../../../test/support/requirements.js';
import { dockerResource, stopSharedEngine } from './world.js';

describeUnless(whatEngineNeeds(), 'on a real container engine', () => {
  afterAll(stopSharedEngine);
  testAdapter({ describe, test: test.concurrent }, resourceSuite, dockerResource);
});
