import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type {
  Launched,
  LaunchReference,
  LaunchSpecification,
  LogRange,
  Observation,
  Resource,
} from '@user-workspaces/contract';
import type { ResourceWorld } from './world.js';

type Command = LaunchSpecification['command'];
type Running = Extract<Observation, { kind: 'running' }>;
type Ended = Extract<Observation, { kind: 'ended' }>;

const pauseMs = 80;
let lastJobId = 0;

/** The shell commands of a job that writes a line to a file in its workspace as long as it lives, and ends when the workspace is gone. */
export const beating = (file = 'beats'): string =>
  `while [ -d "$UWS_WORKSPACE" ] && echo beat >> "$UWS_WORKSPACE/${file}"; do sleep 0.25; done`;

/** A launch as the server refers to it before the answer came. */
export function referenceTo(specification: LaunchSpecification): LaunchReference {
  const { launchKey, account, workspacePath, jobId, session } = specification;
  return { launchKey, handle: null, account, workspacePath, jobId, ...(session && { session }) };
}

/** The jobs of one test: starts them, watches them, and asks for their end afterwards. */
export class Jobs {
  private readonly begun: LaunchReference[] = [];
  readonly patienceMs: number;

  constructor(
    readonly world: ResourceWorld,
    private readonly signal: AbortSignal,
  ) {
    this.patienceMs = world.patienceMs ?? 20_000;
  }

  /** A launch of a shell's text, or of a command. */
  specification(program: string | Command, changes: Partial<LaunchSpecification> = {}): LaunchSpecification {
    const { account, workspacePath, options = {} } = this.world;
    lastJobId += 1;
    const specification: LaunchSpecification = {
      launchKey: randomBytes(16).toString('hex'),
      jobId: lastJobId,
      account,
      workspacePath,
      command: typeof program === 'string' ? ['/bin/sh', '-c', program] : program,
      files: [],
      environment: {},
      limits: {},
      options,
      ...changes,
    };
    this.begun.push(referenceTo(specification));
    return specification;
  }

  /** Launches it, and again for as long as nothing is known, as the server does. */
  async launch(specification: LaunchSpecification, resource = this.world.resource): Promise<Launched> {
    return resource.launch(specification);
  }

  async run(program: string | Command, changes: Partial<LaunchSpecification> = {}): Promise<LaunchSpecification> {
    const specification = this.specification(program, changes);
    await this.launch(specification);
    return specification;
  }

  /** Runs it to its end. */
  async finished(
    program: string | Command,
    changes: Partial<LaunchSpecification> = {},
  ): Promise<{ specification: LaunchSpecification; end: Ended; output: string }> {
    const specification = await this.run(program, changes);
    const end = await this.ended(specification);
    return { specification, end, output: await this.output(specification) };
  }

  async observe(specification: LaunchSpecification, resource = this.world.resource): Promise<Observation> {
    const answers = await resource.observe([referenceTo(specification)]);
    const observation = answers.get(specification.launchKey);
    assert.ok(observation, 'observe gave no answer for a launch that it was asked about.');
    return observation;
  }

  async observed(
    specification: LaunchSpecification,
    accept: (observation: Observation) => boolean,
    resource = this.world.resource,
  ): Promise<Observation> {
    let last: Observation | undefined;
    return this.until(
      async () => {
        last = await this.observe(specification, resource);
        return accept(last) ? last : undefined;
      },
      () => `The launch is still ${JSON.stringify(last)}.`,
    );
  }

  async running(specification: LaunchSpecification, resource = this.world.resource): Promise<Running> {
    const seen = await this.observed(specification, ({ kind }) => kind === 'running' || kind === 'ended', resource);
    assert.ok(seen.kind === 'running', `The job should be running, but is ${JSON.stringify(seen)}.`);
    return seen;
  }

  async ended(specification: LaunchSpecification, resource = this.world.resource): Promise<Ended> {
    const seen = await this.observed(specification, ({ kind }) => kind === 'ended', resource);
    assert.ok(seen.kind === 'ended');
    return seen;
  }

  /** Calls until there is an answer; an `Error` with a sentence when there is none in good time. */
  async until<T>(look: () => Promise<T | undefined>, why: string | (() => string)): Promise<T> {
    const deadlineMs = performance.now() + this.patienceMs;
    for (;;) {
      this.signal.throwIfAborted();
      const found = await look();
      if (found !== undefined) return found;
      if (performance.now() > deadlineMs) throw new Error(typeof why === 'string' ? why : why());
      await sleep(pauseMs);
    }
  }

  path(name: string): string {
    return join(this.world.localWorkspacePath ?? this.world.workspacePath, name);
  }

  /** Content of a file in the workspace, `''` while there is none. */
  async read(name: string): Promise<string> {
    return readFile(this.path(name), 'utf8').catch((error: unknown) => {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '';
      throw error;
    });
  }

  async write(name: string, content = ''): Promise<void> {
    await writeFile(this.path(name), content);
  }

  /** Waits until a job has written this file. */
  async written(name: string): Promise<string> {
    return this.until(
      async () => (await this.read(name)) || undefined,
      `No job has written ${name} to its workspace, as it should.`,
    );
  }

  /** How many times `echo started >> starts` was run; looked at again after a moment, in which a second start would show. */
  async starts(name = 'starts'): Promise<number> {
    await sleep(500);
    return (await this.read(name)).split('\n').length - 1;
  }

  /** Whether what {@link beating} runs is alive. */
  async isBeating(file = 'beats'): Promise<boolean> {
    const size = async () => (await stat(this.path(file)).catch(() => ({ size: 0 }))).size;
    const before = await size();
    // Between two beats is a quarter of a second; on a crowded machine more.
    for (let waitedMs = 0; waitedMs < 1500; waitedMs += 100) {
      await sleep(100);
      if ((await size()) !== before) return true;
    }
    return false;
  }

  /** Output of a launch in its pieces. */
  async logs(
    specification: LaunchSpecification,
    range: LogRange = { fromByte: 0, follow: false },
    {
      signal,
      resource = this.world.resource,
      reference = referenceTo(specification),
    }: { signal?: AbortSignal; resource?: Resource; reference?: LaunchReference } = {},
  ): Promise<{ readonly from: number | undefined; readonly text: string }> {
    let from: number | undefined;
    const pieces: Uint8Array[] = [];
    let next: number | undefined;
    for await (const { offsetBytes, content } of resource.logs(reference, range, signal)) {
      from ??= offsetBytes;
      if (next !== undefined) assert.equal(offsetBytes, next, 'A piece of output does not begin where the last ended.');
      next = offsetBytes + content.length;
      pieces.push(content.slice());
    }
    return { from, text: Buffer.concat(pieces).toString() };
  }

  /** All output of an ended launch. */
  async output(specification: LaunchSpecification): Promise<string> {
    return (await this.logs(specification)).text;
  }

  /** Stops as the server does: again and again until the launch is over. */
  async stopped(specification: LaunchSpecification, graceMs: number, resource = this.world.resource): Promise<Ended> {
    const seen = await this.until(async () => {
      await resource.stop(referenceTo(specification), graceMs);
      const observation = await this.observe(specification, resource);
      return observation.kind === 'ended' ? observation : undefined;
    }, 'The launch has not ended though it was stopped again and again.');
    return seen;
  }

  /** Asks every job of the test to end. Whether it does is another test's question, and what is left the world's. */
  async end(): Promise<void> {
    await Promise.allSettled(this.begun.map((reference) => this.world.resource.stop(reference, 0)));
  }
}
