import type { JobRow } from '@user-workspaces/contract';
import { expect, test } from 'vitest';
import { SessionDirectory } from '../../src/services/session-directory.js';

type SessionRow = Pick<JobRow, 'id' | 'user_id' | 'status' | 'session_host' | 'session_port' | 'session_base_path'>;

const row = (id: number, port: number, status: JobRow['status'] = 'running'): SessionRow => ({
  id,
  user_id: id,
  status,
  session_host: '127.0.0.1',
  session_port: port,
  session_base_path: 'strip',
});

test('a job that reports the port of another running one does not get its host name, until the other has ended', () => {
  const ended: number[] = [];
  const directory = new SessionDirectory((jobId) => ended.push(jobId));
  directory.update(row(1, 5000));
  directory.update(row(2, 5000));
  expect(directory.byLabel('127-0-0-1-5000')?.jobId).toBe(1);
  // Any later change of the second changes nothing of that.
  directory.update(row(2, 5000));
  expect(directory.byLabel('127-0-0-1-5000')?.jobId).toBe(1);
  directory.update(row(1, 5000, 'complete'));
  expect(ended).toEqual([1]);
  expect(directory.byLabel('127-0-0-1-5000')?.jobId).toBe(2);
  directory.update(row(2, 5000, 'complete'));
  expect(directory.byLabel('127-0-0-1-5000')).toBeUndefined();
  expect(directory.size).toBe(0);
});
