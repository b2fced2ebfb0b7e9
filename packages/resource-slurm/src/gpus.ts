import type { Capacity } from '@user-workspaces/contract';

/** GPUs of nodes, by what Slurm says of their generic resources, such as `gpu:a100:4(S:0-1)` and, of them in use, `gpu:a100:1(IDX:0)`. */
export function gpusOf(nodes: readonly { readonly gres: string; readonly gresUsed: string }[]): Capacity {
  const sum = (texts: readonly string[]) => texts.reduce((total, text) => total + countOf(text), 0);
  const total = sum(nodes.map(({ gres }) => gres));
  return { total, free: Math.max(0, total - sum(nodes.map(({ gresUsed }) => gresUsed))) };
}

function countOf(text: string): number {
  const counts = [...text.matchAll(/(?:^|,)\s*gpu(?::[^:,()]+)?:(\d+)/g)].map(([, count]) => Number(count));
  return counts.reduce((total, count) => total + count, 0);
}
