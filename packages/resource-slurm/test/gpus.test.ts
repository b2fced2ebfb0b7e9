import { expect, test } from 'vitest';
import { allocatedGpus } from '../src/gpus.js';

test.each([
  ['cpu=1,mem=100M,node=1,billing=1,gres/gpu=2', 2],
  ['billing=1,cpu=1,gres/gpu=16,mem=100M,node=1', 16],
  ['cpu=1,gres/gpu:a100=1,gres/gpu=3,gres/gpu:v100=2', 3],
  // Of kinds alone it is not said whether all are listed; shards are parts of GPUs.
  ['cpu=1,gres/gpu:a100=1', null],
  ['cpu=1,gres/gpumem=4', null],
  ['cpu=1,gres/gpu=2K', null],
  ['cpu=1,mem=100M,node=1,billing=1', null],
  ['', null],
  [undefined, null],
])('%s has %s GPUs', (resources, gpus) => {
  expect(allocatedGpus(resources)).toBe(gpus);
});

test('what may be cut off does not count', () => {
  expect(allocatedGpus('cpu=1,gres/gpu=12', 18)).toBe(12);
  expect(allocatedGpus('cpu=1,gres/gpu=12', 17)).toBeNull();
  expect(allocatedGpus('cpu=1,gres/gpu=12,', 18)).toBe(12);
});
