// Stands in for a cluster where what is tried is kept by the server alone: records, ports, and what a stop does when.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import type { Account } from '@user-workspaces/contract';
import { onTestFinished } from 'vitest';
import { NodeAddresses } from '../src/node-addresses.js';
import { Ports } from '../src/ports.js';
import { Records } from '../src/records.js';
import { SlurmResource } from '../src/resource.js';
import { type ClusterJob, type JobReference, type Submission, type Transport, unavailable } from '../src/transport.js';

export const account: Account = { name: 'alice', uid: 1000, gid: 1000 };

/** Jobs in an array. Every one is held until it is let go, and runs until it is changed. */
export class ClusterInMemory implements Transport {
  readonly jobs: ClusterJob[] = [];
  /** What was sent to which job, in order, such as `TERM 1`. */
  readonly sent: string[] = [];
  /** Scripts of all that was submitted. */
  readonly scripts: string[] = [];
  /** What the next submissions come to. */
  readonly faults: ('lost' | Error)[] = [];
  /** What its accounting has; `null`: it has none. */
  past: ClusterJob[] | null = null;
  /** As the cluster tells it. */
  minJobAgeMs: number | null = 300_000;

  change(id: number, change: Partial<ClusterJob>): void {
    const index = this.jobs.findIndex((job) => job.id === id);
    const job = this.jobs[index];
    if (job) this.jobs[index] = { ...job, ...change };
  }

  async list(): Promise<readonly ClusterJob[]> {
    return [...this.jobs];
  }

  async named(name: string): Promise<readonly ClusterJob[]> {
    return this.jobs.filter((job) => job.name === name);
  }

  async submit({ name, script }: Submission): Promise<number> {
    const fault = this.faults.shift();
    if (fault instanceof Error) throw fault;
    const id = this.jobs.length + 1;
    this.scripts.push(script);
    this.jobs.push({
      ...{ id, name, state: 'PENDING', reason: 'JobHeldUser', submittedAtMs: Date.now(), startedAtMs: null },
      ...{ endedAtMs: null, cpus: 1, gpus: null, waitStatus: 0, node: null },
    });
    if (fault === 'lost') throw unavailable('the answer is lost');
    return id;
  }

  async release({ id }: JobReference): Promise<void> {
    this.change(id, { state: 'RUNNING', reason: 'None', startedAtMs: Date.now(), node: 'node1' });
  }

  async signal({ id }: JobReference, signal: 'TERM' | 'KILL'): Promise<void> {
    this.sent.push(`${signal} ${id}`);
  }

  async withdraw({ id }: JobReference): Promise<void> {
    this.change(id, { state: 'CANCELLED', endedAtMs: Date.now() });
  }

  async setTimeLimit(): Promise<void> {}

  async history(): Promise<readonly ClusterJob[] | null> {
    return this.past;
  }

  async listedAfterEndMs(): Promise<number | null> {
    return this.minJobAgeMs;
  }

  async addresses(): Promise<ReadonlyMap<string, string>> {
    return new Map();
  }

  async ping() {
    return { connected: true, message: 'It is in memory.' };
  }

  async load() {
    return {};
  }
}

/** A resource with such a cluster, and records of its own that go at the end of the test. */
export async function openInMemory(sessionPorts: readonly [number, number] = [20_000, 32_000]) {
  const root = await mkdtemp(`${tmpdir()}/uws-records-`);
  onTestFinished(() => rm(root, { recursive: true }));
  const transport = new ClusterInMemory();
  const records = new Records(root);
  const ports = new Ports(records, sessionPorts);
  /** Makes one as a new start of the server does. */
  const make = () =>
    new SlurmResource({
      ...{ name: 'cluster', sessionHost: 'cluster', transport, records, ports, defaults: {}, extend: true },
      addresses: new NodeAddresses(transport, new Map()),
      step: (_, effect) => effect(),
    });
  return {
    root,
    transport,
    records,
    ports,
    make,
    resource: make(),
    world: { account, workspacePath: `${root}/workspace` },
  };
}
