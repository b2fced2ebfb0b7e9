import type { LogChunk, LogRange } from '@user-workspaces/contract';
import { type Engine, Refusal } from './engine.js';
import { payloads } from './frames.js';
import { containerName } from './names.js';

/** The output of jobs, as the engine keeps it: positions count from the oldest byte that it still has. */
export class Logs {
  constructor(private readonly engine: Engine) {}

  async *read(launchKey: string, range: LogRange, signal?: AbortSignal): AsyncGenerator<LogChunk> {
    signal?.throwIfAborted();
    if (!(await this.hasStarted(launchKey, signal))) return;
    let position = Math.max(0, 'fromByte' in range ? range.fromByte : 0);
    let end = Number.POSITIVE_INFINITY;
    if ('tailBytes' in range) {
      const size = await this.size(launchKey, signal);
      position = Math.max(0, size - range.tailBytes);
      if (!range.follow) end = size;
    }
    for (;;) {
      for await (const chunk of this.from(launchKey, position, range.follow, signal)) {
        const content = chunk.content.subarray(0, end - chunk.offsetBytes);
        if (content.length > 0) yield { offsetBytes: chunk.offsetBytes, content };
        position = chunk.offsetBytes + content.length;
        if (position >= end) return;
      }
      // A stream that ends while the job goes on was cut off: an engine that was restarted goes on with its containers.
      if (!range.follow || !(await this.isRunning(launchKey, signal))) return;
    }
  }

  /** What the start script said on its own account. */
  async ownWords(launchKey: string, signal?: AbortSignal): Promise<string> {
    const longest = 4096;
    let text = '';
    const stream = await this.engine.open(path(launchKey), { stderr: true }, signal);
    try {
      for await (const payload of payloads(stream)) {
        text += payload.toString();
        if (text.length > longest) break;
      }
    } finally {
      stream.destroy();
    }
    return text.slice(0, longest);
  }

  private async size(launchKey: string, signal?: AbortSignal): Promise<number> {
    let size = 0;
    for await (const { content } of this.from(launchKey, 0, false, signal)) size += content.length;
    return size;
  }

  private async *from(
    launchKey: string,
    position: number,
    follow: boolean,
    signal?: AbortSignal,
  ): AsyncGenerator<LogChunk> {
    let offsetBytes = 0;
    const stream = await this.engine.open(path(launchKey), { stdout: true, follow }, signal).catch((error: unknown) => {
      if (error instanceof Refusal && (error.status === 404 || error.status === 409)) return undefined;
      throw error;
    });
    if (!stream) return;
    const abort = () => stream.destroy(signal?.reason instanceof Error ? signal.reason : new Error('aborted'));
    signal?.addEventListener('abort', abort, { once: true });
    try {
      for await (const payload of payloads(stream)) {
        signal?.throwIfAborted();
        const skipped = Math.min(payload.length, Math.max(0, position - offsetBytes));
        const content = payload.subarray(skipped);
        if (content.length > 0) yield { offsetBytes: offsetBytes + skipped, content };
        offsetBytes += payload.length;
      }
      signal?.throwIfAborted();
    } catch (error) {
      signal?.throwIfAborted();
      // Cut off in the middle: the caller looks whether there is more.
      if (!follow) throw error;
    } finally {
      signal?.removeEventListener('abort', abort);
      stream.destroy();
    }
  }

  private async hasStarted(launchKey: string, signal?: AbortSignal): Promise<boolean> {
    const found = await this.inspect(launchKey, signal);
    return found !== undefined && found.State.Status !== 'created';
  }

  private async isRunning(launchKey: string, signal?: AbortSignal): Promise<boolean> {
    return (await this.inspect(launchKey, signal))?.State.Running ?? false;
  }

  private inspect(launchKey: string, signal?: AbortSignal) {
    return this.engine.find((docker) => docker.getContainer(containerName(launchKey)).inspect(), signal);
  }
}

function path(launchKey: string): string {
  return `/containers/${containerName(launchKey)}/logs`;
}
