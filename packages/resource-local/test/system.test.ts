import { closeSync, openSync, readdirSync } from 'node:fs';
import { expect, it } from 'vitest';
import { inheritedDescriptors } from '../src/system.js';

it.runIf(process.platform === 'linux')(
  'many resources that begin at once look at descriptors without opening more and more',
  async () => {
    const files = Array.from({ length: 200 }, () => openSync('/dev/null', 'r'));
    try {
      const before = readdirSync('/proc/self/fd').length;
      let most = 0;
      const counting = setInterval(() => {
        most = Math.max(most, readdirSync('/proc/self/fd').length);
      }, 1);
      await Promise.all(Array.from({ length: 30 }, () => inheritedDescriptors()));
      clearInterval(counting);
      expect(most).toBeLessThan(before + 100);
    } finally {
      for (const file of files) closeSync(file);
    }
  },
);
