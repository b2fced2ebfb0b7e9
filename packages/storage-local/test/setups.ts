import type { Confinement } from '../src/directory-handle.js';
import type { Ownership } from '../src/layout.js';

export const isRoot = process.geteuid?.() === 0;

/** A way in which the storage can be set up. */
export interface Setup {
  readonly ownership: Ownership;
  readonly confinement: Confinement;
}

/** Every way the storage can be set up here, the one that a server on this machine would use first: giving files away takes root. */
export const setups: readonly [Setup, ...Setup[]] = isRoot
  ? [{ ownership: 'chown', confinement: 'directory-handles' }, ...withoutOwners()]
  : withoutOwners();

function withoutOwners(): [Setup, Setup] {
  return [
    { ownership: 'none', confinement: 'directory-handles' },
    { ownership: 'none', confinement: 'resolved-paths' },
  ];
}
