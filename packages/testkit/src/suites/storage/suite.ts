import type { Suite } from '../../guarantee.js';
import { boundGuarantees } from './bounds.js';
import { crashGuarantees } from './crashes.js';
import { cutOffGuarantees } from './cut-off.js';
import { faultGuarantees } from './faults.js';
import { fileGuarantees } from './files.js';
import { linkGuarantees } from './links.js';
import { numberGuarantees } from './numbers.js';
import { uploadGuarantees } from './uploads.js';
import { workspaceGuarantees } from './workspaces.js';
import type { StorageCapability, StorageWorld } from './world.js';

/** What every storage must do, wherever it keeps the files. */
export const storageSuite: Suite<StorageWorld, StorageCapability> = {
  contract: 'Storage',
  capabilities: {
    links: 'Links to data outside the workspace can be made.',
    plainPaths: 'Workspaces are directories of this machine, which the suite can look at and change.',
    races: 'A directory that becomes a link between the look at a path and its use leads nowhere.',
    owners: 'Files are given to the accounts; otherwise they are the server’s.',
    steps: 'The suite can end the storage between any two of its steps.',
    fullDisk: 'The suite can fill the disk that the files are on.',
    cutOff: 'The suite can make the files unreachable, as when their disk is not mounted.',
    highestId: 'The storage tells the highest number of a workspace that has a directory (`highestId`).',
  },
  guarantees: [
    ...workspaceGuarantees,
    ...numberGuarantees,
    ...fileGuarantees,
    ...uploadGuarantees,
    ...linkGuarantees,
    ...boundGuarantees,
    ...faultGuarantees,
    ...cutOffGuarantees,
    ...crashGuarantees,
  ],
};
