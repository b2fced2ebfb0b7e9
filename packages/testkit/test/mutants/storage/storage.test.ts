import { storageSuite } from '@user-workspaces/testkit';
import { testMutants } from '../mutants.js';
import { confinementMutants } from './confinement.js';
import { cutOffMutants } from './cut-off.js';
import { fileMutants } from './files.js';
import { numberMutants } from './numbers.js';
import { differences } from './opening.js';
import { workspaceMutants } from './workspaces.js';

// Only root gives files to accounts and mounts a small disk: without them nobody can see what goes wrong there.
const unseen = [
  ...(differences?.owners ? ['owner.account'] : []),
  ...(differences?.fullDisk ? ['faults.full-disk'] : []),
];
const mutants = [...confinementMutants, ...cutOffMutants, ...fileMutants, ...numberMutants, ...workspaceMutants].filter(
  ({ breaks }) => !breaks.some((id) => unseen.includes(id)),
);
testMutants(storageSuite, differences, mutants, 8);
