import type { LaunchReference } from '@user-workspaces/contract';
import type Docker from 'dockerode';
import { type Engine, Refusal } from './engine.js';
import type { Step } from './launcher.js';
import type { StopMarks } from './marks.js';
import { containerName } from './names.js';
import { requireOwn } from './owners.js';

/** Asks jobs to end. */
export class Stopper {
  /** Some programs take a second TERM for impatience: each job gets one, or one more after a crash of the server or an answer that was lost. */
  private readonly terminated = new Set<string>();

  constructor(
    private readonly engine: Engine,
    private readonly marks: StopMarks,
    private readonly owner: string,
    private readonly step: Step,
  ) {}

  async stop({ launchKey, account }: LaunchReference, graceMs: number, signal?: AbortSignal): Promise<void> {
    const before = await this.find(launchKey, signal);
    if (before && hasEnded(before)) return;
    const elapsedMs = await this.step('stop.mark', () => this.marks.make(launchKey, signal));
    const found = await this.find(launchKey, signal);
    if (!found || hasEnded(found)) return;
    if (found.State.Status === 'created') {
      // Nobody may start it any more. One that is being started refuses to go, and is stopped by the next call.
      await this.delivered(() =>
        this.engine.ask((docker) => docker.getContainer(found.Id).remove({ v: true }), signal),
      );
      return;
    }
    if (elapsedMs >= graceMs) {
      const kill = (docker: Docker) => docker.getContainer(found.Id).kill({ signal: 'SIGKILL' });
      await this.step('stop.kill', () => this.delivered(() => this.engine.ask(kill, signal)));
      return;
    }
    if (this.terminated.has(found.Id)) return;
    this.terminated.add(found.Id);
    try {
      await this.step('stop.signal', () => this.terminate(found.Id, account, signal));
    } catch (error) {
      // Nobody knows whether it was delivered: the next call does it again.
      this.terminated.delete(found.Id);
      throw error;
    }
  }

  /** TERM to every process of the job, by one that is its account's: the engine itself would only reach process 1. */
  private async terminate(
    containerId: string,
    account: LaunchReference['account'],
    signal?: AbortSignal,
  ): Promise<void> {
    await this.delivered(async () => {
      const order = await this.engine.ask(
        (docker) =>
          docker.getContainer(containerId).exec({
            Cmd: ['/bin/sh', '-c', 'kill -s TERM -- -1'],
            ...(account.uid !== null && { User: `${account.uid}:${account.gid ?? account.uid}` }),
            WorkingDir: '/',
          }),
        signal,
      );
      await this.engine.ask(() => order.start({ Detach: true }), signal);
    });
  }

  /** A container that is gone, has ended or cannot take more processes has no use for it: what remains is killed in time. */
  private async delivered(order: () => Promise<unknown>): Promise<void> {
    try {
      await order();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
    }
  }

  forget(containerId: string | undefined): void {
    if (containerId !== undefined) this.terminated.delete(containerId);
  }

  private async find(launchKey: string, signal?: AbortSignal): Promise<Docker.ContainerInspectInfo | undefined> {
    const name = containerName(launchKey);
    const found = await this.engine.find((docker) => docker.getContainer(name).inspect(), signal);
    if (found) requireOwn(this.owner, { labels: found.Config.Labels });
    return found;
  }
}

function hasEnded({ State }: Docker.ContainerInspectInfo): boolean {
  return State.Status === 'exited' || State.Status === 'dead' || State.Status === 'removing';
}
