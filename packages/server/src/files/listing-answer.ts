import { setImmediate } from 'node:timers/promises';
import type { Answer } from '@user-workspaces/schema';
import { LargeAnswer } from '../http/large-answer.js';
import { type Listing, manyEntries } from './listing.js';
import { viewFile } from './view-file.js';

type FilesAnswer = Answer<'listFiles'>;
type Files = FilesAnswer['data']['files'];

const answerWith = (files: Files): FilesAnswer => ({ message: 'Successful.', success: true, data: { files } });

const emptyList = '[]';
const [beginning = '', end = ''] = JSON.stringify(answerWith([])).split(emptyList);

/**
 * Answers with a listing. One of many entries becomes text piece by piece, and others have their turn in between: hundreds of thousands at once would take a multiple of their text in
 * memory and keep everybody waiting for seconds.
 */
export async function answerOfListing({ entries, next }: Listing): Promise<FilesAnswer | LargeAnswer> {
  const large = new LargeAnswer();
  let files: Files = [];
  let before = `${beginning}[`;
  const takeText = (): string => {
    const text = before + JSON.stringify(files).slice(1, -1);
    before = ',';
    files = [];
    return text;
  };
  for await (const entry of entries) {
    if (files.length === manyEntries) {
      large.add(takeText());
      await setImmediate();
    }
    files.push(viewFile(entry));
  }
  if (!large.isEmpty) {
    large.add(`${takeText()}]${end}`);
    return large;
  }
  const answer = answerWith(files);
  const cursor = next();
  return cursor === undefined ? answer : { ...answer, data: { files, next_cursor: cursor } };
}
