import { resourceSuite } from '@user-workspaces/testkit';
import { localResources } from '../../../../resource-local/test/world.js';
import { testMutants } from '../mutants.js';
import { resourceMutants } from './mutants.js';

testMutants(resourceSuite, localResources[0]?.differences, resourceMutants, 24);
