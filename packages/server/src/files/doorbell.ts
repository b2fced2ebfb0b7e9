/** Wakes whoever waits: a ring between two looks at the state is never missed, since {@link next} is taken before the look. */
export class Doorbell {
  #resolve: () => void = () => undefined;
  #next: Promise<void> = this.#renew();

  /** Resolves at the next ring. */
  get next(): Promise<void> {
    return this.#next;
  }

  ring(): void {
    const resolve = this.#resolve;
    this.#next = this.#renew();
    resolve();
  }

  #renew(): Promise<void> {
    return new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }
}
