/** What a person was told of a file: its content, and whether an unanswered request may still be on its way. */
export interface PromisedFile {
  readonly content: string;
  /** False once an attempt had no answer: a late repetition of it is no defect, so nothing is built on its absence. */
  readonly isCertain: boolean;
}

/** A workspace as its owner was told that it is. */
export interface PromisedWorkspace {
  readonly id: number;
  readonly name: string;
  readonly files: Map<string, PromisedFile>;
  readonly directories: Set<string>;
  /** A copy is offered of it, so it stays as it is. */
  isShared: boolean;
}

/** A job as its owner was told that it will end. */
export interface PromisedJob {
  readonly id: number;
  readonly workspaceId: number;
  readonly exitCode: number;
  /** Somebody asked that it be stopped, so it may end either way. */
  mayBeStopped: boolean;
}

/** A session that its owner was let into. */
export interface PromisedSession {
  readonly jobId: number;
  readonly path: string;
  /** What its application says to all requests and WebSockets; no other one knows them. */
  readonly words: string;
  readonly cookie: string;
}

/** A copy of a workspace that is offered to somebody. */
export interface Offer {
  readonly sharedWorkspaceId: number;
  readonly original: PromisedWorkspace;
  readonly files: ReadonlyMap<string, PromisedFile>;
}

/** A request that can be made again, by its Idempotency-Key. */
export interface KeyedRequest {
  readonly key: string;
  /** Gives the ids of what it made. */
  readonly send: () => Promise<number>;
}

/** All that a person was promised; and what each Idempotency-Key has made. */
export interface Promises {
  readonly workspaces: Map<number, PromisedWorkspace>;
  readonly deleted: Set<number>;
  readonly jobs: Map<number, PromisedJob>;
  /** Offers that nobody has accepted or declined yet. */
  readonly inbox: Offer[];
  readonly requests: KeyedRequest[];
  readonly keys: Map<string, Set<number>>;
  /** Of copies that are still there: the names of which a mail must have told. */
  readonly announced: Map<number, string>;
  /** Sessions whose jobs have ended. */
  readonly endedSessions: PromisedSession[];
}

export function noPromises(): Promises {
  return {
    workspaces: new Map(),
    deleted: new Set(),
    jobs: new Map(),
    inbox: [],
    requests: [],
    keys: new Map(),
    announced: new Map(),
    endedSessions: [],
  };
}
