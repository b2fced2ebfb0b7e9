import type { Turn } from '../person.js';
import type { PromisedWorkspace } from '../promises.js';
import * as files from './files.js';
import * as jobs from './jobs.js';
import * as sessions from './sessions.js';
import * as shares from './shares.js';
import * as workspaces from './workspaces.js';

/** Something that a person does and whose outcome can be foretold; throws when it was otherwise. */
export interface Deed {
  /** How often, compared with the others. */
  readonly weight: number;
  readonly makesMore?: boolean;
  act(turn: Turn, workspace: PromisedWorkspace | undefined): Promise<void>;
}

type Act = (turn: Turn, workspace: PromisedWorkspace) => Promise<void>;

/** Of a deed that needs a workspace: without one there is nothing to do. */
function inside(weight: number, act: Act): Deed {
  return { weight, act: async (turn, workspace) => void (workspace && (await act(turn, workspace))) };
}

/** All that persons do. */
export const deeds: Readonly<Record<string, Deed>> = {
  create: { weight: 5, makesMore: true, act: async (turn) => void (await workspaces.create(turn)) },
  'create twice at once': { weight: 3, makesMore: true, act: workspaces.createTwice },
  'use an old key': { weight: 4, act: workspaces.useOldKey },
  'list workspaces': { weight: 8, act: workspaces.list },
  update: inside(7, workspaces.update),
  delete: inside(5, workspaces.remove),
  write: inside(8, files.write),
  replace: inside(6, files.replace),
  'upload in chunks': inside(5, files.upload),
  'upload as a form': inside(3, files.uploadForm),
  read: inside(12, files.read),
  'list files': inside(4, files.list),
  'make a directory': inside(3, files.makeDirectory),
  rename: inside(4, files.rename),
  'delete a file': inside(4, files.remove),
  'leave in the middle': inside(3, files.leave),
  start: inside(5, jobs.start),
  stop: { weight: 3, act: jobs.stop },
  'look at a job': { weight: 4, act: jobs.look },
  'wait for an end': { weight: 2, act: jobs.waitForEnd },
  'read a log': { weight: 2, act: jobs.readLog },
  'use a session': inside(2, sessions.openAndUse),
  share: { weight: 3, makesMore: true, act: shares.share },
  'share what is lost': { weight: 1, act: shares.shareWhatIsLost },
  'answer an offer': { weight: 4, act: shares.answer },
};

/** What is done where a person has nothing to work with. */
export const needed = 'create';
/** What is done instead of making still more. */
export const retreat = 'delete';
