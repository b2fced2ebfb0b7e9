/** What users asked for and what they were told: the promises that must have been kept in the end. */
export interface Ledger {
  /** Workspaces that a user was told of, with the contents that their file may have. */
  readonly workspaces: Map<number, { readonly userId: number; readonly contents: Set<string> }>;
  /** Workspaces whose deletion somebody tried. */
  readonly maybeDeleted: Set<number>;
  /** Workspaces whose deletion was accepted. */
  readonly deleted: Set<number>;
  readonly jobs: Set<number>;
  readonly stopped: Set<number>;
  /** Shares that a sender was told of, by the id of the copy. */
  readonly shares: Map<number, { readonly originalId: number; readonly senderId: number; readonly receiverId: number }>;
  readonly accepted: Set<number>;
  readonly maybeCancelled: Set<number>;
  readonly cancelled: Set<number>;
  answers: number;
  refusals: number;
}

export function emptyLedger(): Ledger {
  return {
    workspaces: new Map(),
    maybeDeleted: new Set(),
    deleted: new Set(),
    jobs: new Set(),
    stopped: new Set(),
    shares: new Map(),
    accepted: new Set(),
    maybeCancelled: new Set(),
    cancelled: new Set(),
    answers: 0,
    refusals: 0,
  };
}
