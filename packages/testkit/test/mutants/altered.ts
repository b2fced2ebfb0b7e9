/** A shipped adapter with some calls replaced. All others are made on the adapter itself, so that it finds its private fields. */
export function altered<T extends object>(adapter: T, changes: Partial<T>): T {
  return new Proxy(adapter, {
    get(target, property) {
      const change: unknown = Reflect.get(changes, property);
      if (change !== undefined) return change;
      const own: unknown = Reflect.get(target, property, target);
      return typeof own === 'function' ? (...parameters: unknown[]) => Reflect.apply(own, target, parameters) : own;
    },
  });
}
