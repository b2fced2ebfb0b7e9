import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

describe('the browser bundle', () => {
  it("keeps its budget and holds none of Node's modules", () => {
    const script = fileURLToPath(new URL('../size.mjs', import.meta.url));
    expect(execFileSync(process.execPath, [script], { encoding: 'utf8' })).toMatch(/gzipped; aim \d+, budget \d+/);
  });
});
