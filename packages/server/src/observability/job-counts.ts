import { setTimeout as sleep } from 'node:timers/promises';
import type { activeJobStatuses } from '../views/job.js';

export type ActiveStatus = (typeof activeJobStatuses)[number];

/** How many jobs there are, by their status. */
export type JobCounts = ReadonlyMap<ActiveStatus, number>;

/** A scrape must not wait longer than whoever scrapes: ten seconds, where nothing else is configured. */
const patienceMs = 5_000;

/**
 * Counts for those who ask at once, in one go; gives `undefined` when there is no answer in time. While a question is
 * open no other is asked: a database that hangs would have one more for each scrape.
 *
 * @param onFailure Told why there is no answer.
 */
export function countedTogether(
  count: () => Promise<JobCounts>,
  onFailure: (error: unknown) => void,
  withinMs = patienceMs,
): () => Promise<JobCounts | undefined> {
  let question: Promise<JobCounts> | undefined;
  let answer: Promise<JobCounts | undefined> | undefined;
  const ask = async (): Promise<JobCounts | undefined> => {
    question ??= count().finally(() => {
      question = undefined;
    });
    const enough = new AbortController();
    const tooLate = async (): Promise<never> => {
      await sleep(withinMs, undefined, { signal: enough.signal });
      throw new Error(`The database has not counted the jobs within ${withinMs / 1000} s.`);
    };
    try {
      return await Promise.race([question, tooLate()]);
    } catch (error) {
      onFailure(error);
      return undefined;
    } finally {
      enough.abort();
      answer = undefined;
    }
  };
  return () => {
    answer ??= ask();
    return answer;
  };
}
