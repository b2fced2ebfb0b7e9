import type { Capacity } from '@user-workspaces/contract';

/** GPUs of nodes, by what Slurm says of their generic resources, such as `gpu:a100:4(S:0-1)` and, of them in use, `gpu:a100:1(IDX:0)`. */
export function gpusOf(nodes: readonly { readonly gres: string; readonly gresUsed: string }[]): Capacity {
  const sum = (texts: readonly string[]) => texts.reduce((total, text) => total + countOf(text), 0);
  const total = sum(nodes.map(({ gres }) => gres));
  return { total, free: Math.max(0, total - sum(nodes.map(({ gresUsed }) => gresUsed))) };
}

/**
 * GPUs in a list of what a job was allocated, such as `cpu=2,mem=1G,node=1,billing=2,gres/gpu=1,gres/gpu:a100=1`. `null` where the list has none: the
 * job has none, or the cluster does not count them.
 *
 * @param width Of the column that holds the list: the last part of one that fills it may be cut off, and does not count.
 */
export function allocatedGpus(resources: unknown, width = Number.POSITIVE_INFINITY): number | null {
  if (typeof resources !== 'string') return null;
  const whole = resources.length < width ? resources : resources.replace(/[^,]*$/, '');
  const count = /(?:^|,)gres\/gpu=(\d+)(?:,|$)/.exec(whole)?.[1];
  return count === undefined ? null : Number(count);
}

function countOf(text: string): number {
  const counts = [...text.matchAll(/(?:^|,)\s*gpu(?::[^:,()]+)?:(\d+)/g)].map(([, count]) => Number(count));
  return counts.reduce((total, count) => total + count, 0);
}
