import type { Operation } from './description.js';
import type { Random } from './random.js';

/** So many of each kind are remembered. */
const remembered = 12;

/** What a sender knows by now: ids, cursors and entity tags that answers showed. Requests about these go deeper than those about things that are not there. */
export class Known {
  readonly #fixed: Readonly<Record<string, readonly (string | number)[]>>;
  readonly #learnt = new Map<string, (string | number)[]>();

  constructor(fixed: Readonly<Record<string, readonly (string | number)[]>>) {
    this.#fixed = fixed;
  }

  /** Something of a kind, `undefined` if nothing is known. Takes as much from chance whatever is known, so that a seed repeats the rest of a request. */
  pick(kind: string, random: Random): string | number | undefined {
    const all = [...(this.#fixed[kind] ?? []), ...(this.#learnt.get(kind) ?? [])];
    const at = random.int(0, 999_999);
    return all[at % all.length];
  }

  /** Remembers what an answer shows. */
  learn(answer: unknown): void {
    const data = memberOf(answer, 'data');
    for (const [name, kind] of Object.entries(kinds)) {
      const one = memberOf(data, name);
      for (const item of Array.isArray(one) ? one.slice(-remembered) : [one])
        this.#remember(kind, memberOf(item, 'id'));
    }
    const shares = memberOf(data, 'shared_workspaces');
    for (const share of Array.isArray(shares) ? shares.slice(-remembered) : [])
      this.#remember('shared_workspace_id', memberOf(memberOf(share, 'shared_workspace_id'), 'id'));
    this.#remember('cursor', memberOf(data, 'next_cursor'));
    this.#remember('offset', memberOf(memberOf(data, 'upload'), 'offset'));
    this.#remember('etag', memberOf(memberOf(data, 'file'), 'etag'));
  }

  #remember(kind: string, value: unknown): void {
    if (typeof value !== 'string' && typeof value !== 'number') return;
    const list = this.#learnt.get(kind) ?? [];
    if (list.includes(value)) return;
    this.#learnt.set(kind, [...list, value].slice(-remembered));
  }
}

/** Members of answers whose ids are worth knowing, and what they are ids of. */
const kinds = {
  workspace: 'workspace_id',
  workspaces: 'workspace_id',
  job: 'job_id',
  jobs: 'job_id',
  upload: 'upload_id',
  tokens: 'token_id',
  client: 'client_id',
  clients: 'client_id',
  user: 'user_id',
  users: 'user_id',
} as const;

/** What the parameter of an operation is an id of. */
export function kindOf(operation: Operation, parameter: string): string {
  // What belongs together is only found where there is not much else.
  if (uploading.includes(operation) && parameter === 'workspace_id') return 'upload_workspace_id';
  // Jobs that are at work for long, among many that have ended.
  if (ofSessions.includes(operation) && parameter === 'job_id') return 'session_job_id';
  if (operation === 'adminStopJob') return 'job_to_stop_id';
  if (operation === 'adminRevokeToken') return parameter === 'id' ? 'spare_token_id' : 'own_user_id';
  return parameter === 'id' ? 'client_id' : parameter;
}

const ofSessions: readonly Operation[] = ['openSession', 'extendJob'];
const uploading: readonly Operation[] = ['createUpload', 'getUpload', 'appendUpload', 'abandonUpload'];

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? Reflect.get(value, name)
    : undefined;
}
