/** A server's life in short: makes a resource, does what it is told, and dies by KILL where it is told to. */
import type { LaunchSpecification } from '@user-workspaces/contract';
import { createLocalResource } from '../src/index.js';

export interface ChildOrder {
  readonly recordsDirectory: string;
  readonly specification: LaunchSpecification;
  readonly call: 'launch' | 'stop' | 'extend' | 'forget';
  /** Name of the step at which to die. */
  readonly dieAt?: string;
}

const order: ChildOrder = JSON.parse(process.argv[2] ?? '');
const steps: string[] = [];
const resource = await createLocalResource({
  name: 'child',
  recordsDirectory: order.recordsDirectory,
  steps: (step) => {
    steps.push(step);
    if (step === order.dieAt) process.kill(process.pid, 'SIGKILL');
  },
});
const reference = { ...order.specification, handle: null };
const answer =
  order.call === 'launch'
    ? await resource.launch(order.specification)
    : order.call === 'stop'
      ? await resource.stop(reference, 100)
      : order.call === 'extend'
        ? await resource.extend(reference, 5)
        : await resource.forget(reference);
process.stdout.write(JSON.stringify({ answer, steps }));
process.exit(0);
