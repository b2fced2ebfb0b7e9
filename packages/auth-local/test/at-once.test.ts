import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { createReservedAccounts } from '../src/index.js';

// Counted, and called.
vi.mock('node:child_process', { spy: true });

it.runIf(process.geteuid?.() === 0)(
  'many new users at once get a uid each, and the system is asked for each uid once',
  async () => {
    const directory = mkdtempSync(join(tmpdir(), 'uws-accounts-'));
    try {
      const accounts = createReservedAccounts({ directory });
      const names = Array.from({ length: 20 }, (_, index) => `user${index}`);
      const found = await Promise.all(
        names.map((username) => accounts.resolve({ username, email: '', firstName: '', lastName: '' })),
      );
      expect(new Set(found.map(({ uid }) => uid)).size).toBe(20);
      // Among accounts and among groups.
      expect(vi.mocked(execFile)).toHaveBeenCalledTimes(40);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  },
);
