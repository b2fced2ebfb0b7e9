import type { Transport } from './transport.js';

const keptMs = 300_000;

/** Under which address the server reaches each node. */
export class NodeAddresses {
  private known: { readonly table: ReadonlyMap<string, string>; readonly atMs: number } | undefined;

  /** @param configured Beats what the cluster says. */
  constructor(
    private readonly transport: Transport,
    private readonly configured: ReadonlyMap<string, string>,
  ) {}

  async hostOf(node: string): Promise<string> {
    return (await this.table()).get(node) ?? node;
  }

  /** The nodes whose address is not their name. */
  async table(): Promise<ReadonlyMap<string, string>> {
    if (!this.known || performance.now() - this.known.atMs > keptMs) {
      const told = [...(await this.transport.addresses())].filter(([node, address]) => node !== address);
      this.known = { table: new Map([...told, ...this.configured]), atMs: performance.now() };
    }
    return this.known.table;
  }
}
