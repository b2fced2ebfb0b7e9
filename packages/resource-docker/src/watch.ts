/** How soon a session that has not reported is looked at again, at first and at most. */
const firstMs = 200;
const longestMs = 5000;

/** Tells listeners which launches should be observed: what the engine says, and sessions whose report nothing announces. */
export class Watch {
  private readonly listeners = new Set<(launchKeys: readonly string[]) => void>();
  private readonly awaited = new Map<string, NodeJS.Timeout>();

  subscribe(changed: (launchKeys: readonly string[]) => void): () => void {
    this.listeners.add(changed);
    return () => this.listeners.delete(changed);
  }

  tell(launchKeys: readonly string[]): void {
    for (const changed of this.listeners) changed(launchKeys);
  }

  /** Asks for looks at this launch, less and less often, until {@link settle}. */
  await(launchKey: string, delayMs = firstMs): void {
    if (this.awaited.has(launchKey) && delayMs === firstMs) return;
    const look = () => {
      this.await(launchKey, Math.min(longestMs, delayMs * 1.3));
      this.tell([launchKey]);
    };
    this.awaited.set(launchKey, setTimeout(look, delayMs).unref());
  }

  settle(launchKey: string): void {
    clearTimeout(this.awaited.get(launchKey));
    this.awaited.delete(launchKey);
  }

  close(): void {
    for (const key of [...this.awaited.keys()]) this.settle(key);
    this.listeners.clear();
  }
}
