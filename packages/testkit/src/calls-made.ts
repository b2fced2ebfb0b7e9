import { inspect } from 'node:util';

/** Parts of worlds that are adapters. */
const adapterNames: ReadonlySet<PropertyKey> = new Set([
  'accounts',
  'authentication',
  'database',
  'kind',
  'resource',
  'storage',
]);

/** So many of the last calls are told when a guarantee is broken. */
const toldCalls = 5;
const keptCalls = 20;

interface CallMade {
  readonly method: string;
  readonly parameters: readonly unknown[];
  /** `undefined` while there is no answer. */
  answer?: { readonly kind: 'answered' | 'threw'; readonly value: unknown };
}

/** The last calls of an adapter in one trial: which one was wrong is what its author asks first. */
export class CallsMade {
  readonly #calls: CallMade[] = [];
  /** The watched form of each adapter. */
  readonly #watched = new WeakMap<object, object>();

  /** The same world, whose adapter is watched. */
  watch<W extends object>(world: W): W {
    return new Proxy(world, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value === 'function') return value.bind(target);
        if (!adapterNames.has(name) || typeof value !== 'object' || value === null) return value;
        return this.#watchAdapter(String(name), value);
      },
    });
  }

  /** One line for each of the last calls, in the order of their answers; empty without any. */
  lines(): string[] {
    return this.#calls.slice(-toldCalls).map(({ method, parameters, answer }) => {
      const call = `${method}(${parameters.map(shown).join(', ')})`;
      return answer ? `${call} ${answer.kind} ${shown(answer.value)}` : `${call} has not answered`;
    });
  }

  #watchAdapter(name: string, adapter: object): object {
    const known = this.#watched.get(adapter);
    if (known) return known;
    const watched = new Proxy(adapter, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key, target);
        const isFixed = Reflect.getOwnPropertyDescriptor(target, key)?.configurable === false;
        if (typeof value !== 'function' || isFixed) return value;
        return (...parameters: unknown[]) =>
          this.#call(`${name}.${String(key)}`, parameters, () => Reflect.apply(value, target, parameters));
      },
    });
    this.#watched.set(adapter, watched);
    return watched;
  }

  #call(method: string, parameters: readonly unknown[], run: () => unknown): unknown {
    const call: CallMade = { method, parameters };
    this.#calls.push(call);
    if (this.#calls.length > keptCalls) this.#calls.shift();
    const note = (kind: 'answered' | 'threw', value: unknown): void => {
      call.answer = { kind, value };
      // In the order of the answers: the last one is the one that the check looked at.
      const place = this.#calls.indexOf(call);
      if (place >= 0) this.#calls.push(...this.#calls.splice(place, 1));
    };
    let result: unknown;
    try {
      result = run();
    } catch (error) {
      note('threw', error);
      throw error;
    }
    if (result instanceof Promise) {
      result.then(
        (value: unknown) => note('answered', value),
        (error: unknown) => note('threw', error),
      );
    } else note('answered', result);
    return result;
  }
}

function shown(value: unknown): string {
  if (value instanceof Error) return 'kind' in value ? `"${String(value.kind)}": ${value.message}` : String(value);
  const text = inspect(value, {
    depth: 1,
    breakLength: Number.POSITIVE_INFINITY,
    maxArrayLength: 4,
    maxStringLength: 80,
  });
  return text.length > 160 ? `${text.slice(0, 160)}…` : text;
}
