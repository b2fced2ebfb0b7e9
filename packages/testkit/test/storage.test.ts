import { storageSuite, tryAdapter } from '@user-workspaces/testkit';
import { expect, it } from 'vitest';
import { storageUnderTest } from '../../storage-local/test/world.js';

const confined = storageSuite.guarantees.filter(({ id }) => id.startsWith('confined.'));

it('a storage of directories that is not tried with links of a user breaks its confinement: links in the way could lead anywhere', async () => {
  const adapter = await storageUnderTest({ ownership: 'none', confinement: 'resolved-paths' });
  const { results } = await tryAdapter(
    { ...storageSuite, guarantees: confined },
    {
      ...adapter,
      differences: { ...adapter.differences, plainPaths: 'They were left out.', links: 'None are made.' },
      open: async () => {
        const { links: _, plain: __, ...world } = await adapter.open();
        return world;
      },
    },
  );
  expect(results).toHaveLength(confined.length);
  for (const { outcome, error } of results) {
    expect(outcome).toBe('broken');
    expect(String(error)).toMatch(/offer `plain`, so that they can be tried/);
  }
});
