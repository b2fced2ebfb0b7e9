import { StaleRowError } from '../records/stale-row-error.js';

const attempts = 10;

/** Decides anew, from fresh rows, as long as others change them in between. */
export async function retryStale<R>(work: () => Promise<R>): Promise<R> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof StaleRowError) || attempt === attempts) throw error;
    }
  }
}
