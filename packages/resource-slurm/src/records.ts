import { randomBytes } from 'node:crypto';
import { link, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { LaunchEnd } from '@user-workspaces/contract';
import { hasCode, unlessMissing } from '@user-workspaces/launch';

/** The cluster's job that a launch key stands for, or that there shall never be one. Made once; nothing changes it. */
export type Claim =
  | {
      readonly kind: 'job';
      readonly id: number;
      /** Port assigned to its session. */
      readonly port: number | null;
    }
  | { readonly kind: 'never' };

/**
 * What must outlive the server: a directory per launch key in a directory of its own, which all replicas share. Files are made whole by a rename or,
 * where only the first may win, by a link.
 */
export class Records {
  /** Claims that were read before. One is made once and never changes, so that it holds as long as its directory is there. */
  private readonly seenClaims = new Map<string, Claim>();

  constructor(private readonly root: string) {}

  /** Notes that the cluster may have got a job for this key. False if that was noted before. */
  async intend(launchKey: string): Promise<boolean> {
    return this.writeOnce(join(this.root, launchKey), 'intent', '');
  }

  /** Milliseconds since {@link intend}; nothing where that was not noted, or was taken back. */
  async intendedSinceMs(launchKey: string): Promise<number | undefined> {
    const intent = await unlessMissing(stat(join(this.root, launchKey, 'intent')));
    return intent && Math.max(0, Date.now() - intent.mtimeMs);
  }

  /** Takes {@link intend} back: the cluster surely has no job for this key. */
  async unintend(launchKey: string): Promise<void> {
    await rm(join(this.root, launchKey, 'intent'), { force: true });
  }

  async claim(launchKey: string): Promise<Claim | undefined> {
    return this.read<Claim>(launchKey, 'claim');
  }

  /** The claims of many keys: a file is read only for those that were never seen. */
  async claims(): Promise<(launchKey: string) => Promise<Claim | undefined>> {
    const present = new Set(await readdir(this.root));
    for (const launchKey of this.seenClaims.keys()) if (!present.has(launchKey)) this.seenClaims.delete(launchKey);
    return async (launchKey) => {
      const claim = this.seenClaims.get(launchKey) ?? (await this.claim(launchKey));
      if (claim) this.seenClaims.set(launchKey, claim);
      return claim;
    };
  }

  /** Makes this the key's claim, unless it has one; returns the one that holds. */
  async claimOnce(launchKey: string, claim: Claim): Promise<Claim> {
    await this.writeOnce(join(this.root, launchKey), 'claim', JSON.stringify(claim));
    return (await this.claim(launchKey)) ?? claim;
  }

  async isReleased(launchKey: string): Promise<boolean> {
    return (await this.read(launchKey, 'released')) !== undefined;
  }

  async setReleased(launchKey: string): Promise<void> {
    await this.writeOnce(join(this.root, launchKey), 'released', 'true');
  }

  /** Whether a stop was asked for. */
  async isStopped(launchKey: string): Promise<boolean> {
    return (await this.names(launchKey)).some((name) => name.startsWith('stop-'));
  }

  /**
   * Notes that a stop was asked for. Milliseconds since that was first noted while this machine runs, by a clock that nobody sets: after a new start, and on
   * another machine, they are counted anew.
   */
  async stoppedSinceMs(launchKey: string): Promise<number> {
    const [uptime, bootId] = await Promise.all([
      readFile('/proc/uptime', 'utf8'),
      readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
    ]);
    const uptimeMs = Number(uptime.split(' ')[0]) * 1000;
    const name = `stop-${bootId.trim()}`;
    await this.writeOnce(join(this.root, launchKey), name, JSON.stringify(uptimeMs));
    return uptimeMs - ((await this.read<number>(launchKey, name)) ?? uptimeMs);
  }

  /** True the first time. */
  async markTerminated(launchKey: string): Promise<boolean> {
    return this.writeOnce(join(this.root, launchKey), 'terminated', 'true');
  }

  async isTerminated(launchKey: string): Promise<boolean> {
    return (await this.read(launchKey, 'terminated')) !== undefined;
  }

  async end(launchKey: string): Promise<LaunchEnd | undefined> {
    return this.read<LaunchEnd>(launchKey, 'end');
  }

  /** How it ended, for ever: the first word holds. */
  async endOnce(launchKey: string, end: LaunchEnd): Promise<LaunchEnd> {
    await this.writeOnce(join(this.root, launchKey), 'end', JSON.stringify(end));
    return (await this.end(launchKey)) ?? end;
  }

  /** The port of a key's session. */
  async port(launchKey: string): Promise<number | undefined> {
    return this.read<number>(launchKey, 'port');
  }

  /** Makes this the port of the key's session, unless it has one; returns the one that holds. */
  async portOnce(launchKey: string, port: number): Promise<number> {
    await this.writeOnce(join(this.root, launchKey), 'port', JSON.stringify(port));
    return (await this.port(launchKey)) ?? port;
  }

  /** Ports that a key has taken, or was about to take. */
  async portsTakenBy(launchKey: string): Promise<number[]> {
    return (await this.names(launchKey)).flatMap((name) => /^port-(\d+)$/.exec(name)?.[1] ?? []).map(Number);
  }

  /** Ports that any key has. */
  async takenPorts(): Promise<ReadonlySet<number>> {
    return new Set((await this.names('ports')).map(Number));
  }

  /** Gives a port to a key, unless another has it. It is noted under the key first, so that {@link freePorts} finds it whatever was broken off. */
  async takePort(port: number, launchKey: string): Promise<boolean> {
    const ports = join(this.root, 'ports');
    await this.writeOnce(join(this.root, launchKey), `port-${port}`, 'true');
    if (await this.writeOnce(ports, String(port), JSON.stringify(launchKey))) return true;
    const holder: unknown = await readJson(join(ports, String(port)));
    if (holder === launchKey) return true;
    await rm(join(this.root, launchKey, `port-${port}`), { force: true });
    return false;
  }

  async freePort(port: number, launchKey: string): Promise<void> {
    const path = join(this.root, 'ports', String(port));
    if ((await readJson(path)) === launchKey) await rm(path, { force: true });
    await rm(join(this.root, launchKey, `port-${port}`), { force: true });
  }

  /** Frees all ports of a key, which has none afterwards. */
  async freePorts(launchKey: string): Promise<void> {
    await rm(join(this.root, launchKey, 'port'), { force: true });
    for (const port of await this.portsTakenBy(launchKey)) await this.freePort(port, launchKey);
  }

  /** Whether anything is kept of a key. */
  async knows(launchKey: string): Promise<boolean> {
    return (await unlessMissing(stat(join(this.root, launchKey)))) !== undefined;
  }

  async remove(launchKey: string): Promise<void> {
    // In one step out of sight; what a crash leaves of it is found by its name.
    const away = join(this.root, `removed-${launchKey}-${randomBytes(4).toString('hex')}`);
    await unlessMissing(rename(join(this.root, launchKey), away));
    await rm(away, { recursive: true, force: true });
  }

  private async names(directory: string): Promise<readonly string[]> {
    return (await unlessMissing(readdir(join(this.root, directory)))) ?? [];
  }

  private async read<T>(launchKey: string, name: string): Promise<T | undefined> {
    return readJson<T>(join(this.root, launchKey, name));
  }

  private async writeOnce(directory: string, name: string, content: string): Promise<boolean> {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const temporary = join(directory, `.${name}-${randomBytes(6).toString('hex')}`);
    await writeFile(temporary, content, { flush: true, mode: 0o600 });
    try {
      await link(temporary, join(directory, name));
      return true;
    } catch (error) {
      if (hasCode(error, 'EEXIST')) return false;
      throw error;
    } finally {
      await rm(temporary, { force: true });
    }
  }
}

/** These files are written by this module alone, whole or not at all. */
async function readJson<T>(path: string): Promise<T | undefined> {
  const text = await unlessMissing(readFile(path, 'utf8'));
  return text === undefined ? undefined : JSON.parse(text);
}
