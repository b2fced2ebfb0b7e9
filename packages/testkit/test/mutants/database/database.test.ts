import { databaseSuite } from '@user-workspaces/testkit';
import { testMutants } from '../mutants.js';
import { idMutants } from './ids.js';
import { differences } from './opening.js';
import { readingMutants } from './reading.js';
import { writingMutants } from './writing.js';

// Without a small disk nobody can see what is done when it is full.
const mutants = [...writingMutants, ...idMutants, ...readingMutants].filter(
  ({ breaks }) => !('fullDisk' in differences) || !breaks.includes('faults.full-disk'),
);
testMutants(databaseSuite, differences, mutants, 8);
