import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { defineAdapters, type Suite, testAdapter, tryAdapter, type World } from '../src/index.js';
import { run } from '../src/report/command.js';
import { markdownTable, textTable } from '../src/report/table.js';

interface Counter extends World {
  readonly value: number;
}

/** A contract of two promises, of which one rests on a capability. */
const suite: Suite<Counter, 'odd'> = {
  contract: 'Counter',
  capabilities: { odd: 'Values may be odd.' },
  guarantees: [
    {
      id: 'value.positive',
      promise: 'A value is above zero.',
      trial: 'It is looked at.',
      check: async ({ value }) => {
        if (value <= 0) throw new Error(`It is ${value} | so.\nsecond line`);
      },
    },
    {
      id: 'value.odd',
      promise: 'A value may be odd.',
      trial: 'It is looked at.',
      check: async ({ value }) => {
        if (value % 2 === 0) throw new Error('It is even.');
      },
      without: { capability: 'odd', trial: 'It is even.', check: async () => {} },
    },
  ],
};
const open = (value: number) => async () => ({ value, close: async () => {} });
const even = { name: 'even', open: open(2), differences: { odd: 'Pairs only.' } };
const negative = { name: 'negative', open: open(-1) };

describe('an adapter that hangs', () => {
  it('does not hang those who try it', async () => {
    vi.useFakeTimers();
    try {
      const hangs = () => new Promise<never>(() => undefined);
      const trying = tryAdapter(suite, { name: 'hangs', open: async () => ({ value: 1, close: hangs }) });
      await vi.advanceTimersByTimeAsync(120_000);
      const { results } = await trying;
      expect(results.map(({ error }) => String(error))).toEqual([
        'Error: The check passed, but the world could not be closed: value.positive: the world was not closed within 60000 ms.',
        'Error: The check passed, but the world could not be closed: value.odd: the world was not closed within 60000 ms.',
      ]);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('a declared difference', () => {
  const differing = (differences: Record<string, string>) => ({ ...even, differences });

  it.each(['', ' ', '-', 'x', '7 %'])('with the reason "%s" is refused: it would be a silent skip', async (reason) => {
    const message = /^The difference "odd" of even gives no reason; say in words why/;
    await expect(tryAdapter(suite, differing({ odd: reason }))).rejects.toThrow(TypeError);
    await expect(tryAdapter(suite, differing({ odd: reason }))).rejects.toThrow(message);
    expect(() => defineAdapters(suite, differing({ odd: reason }))).toThrow(message);
  });

  it('of a capability that the suite does not have is refused, naming those that it has', () => {
    const misspelt = differing({ Odd: 'Pairs only.' });
    expect(() => defineAdapters(suite, misspelt)).toThrow(
      new TypeError('The difference "Odd" of even names no capability of Counter; there is "odd".'),
    );
    const runner = { describe: vi.fn(), test: vi.fn() };
    expect(() => testAdapter(runner, suite, misspelt)).toThrow(TypeError);
    expect(runner.describe).not.toHaveBeenCalled();
  });

  it('keeps the promise in the name of the test, beside the reason and what is tried', () => {
    const names: string[] = [];
    testAdapter({ describe: (_, define) => define(), test: (name) => names.push(name) }, suite, even);
    expect(names).toEqual([
      'value.positive: A value is above zero.',
      'value.odd: A value may be odd. Differs (Pairs only.), tried instead: It is even.',
    ]);
  });
});

describe('tables', () => {
  it('show what is kept, what differs and why, and what is broken', async () => {
    const reports = [await tryAdapter(suite, even), await tryAdapter(suite, negative)];
    expect(markdownTable(reports)).toBe(
      [
        '## Counter',
        '',
        '| guarantee | promise | even | negative |',
        '| --- | --- | --- | --- |',
        '| `value.positive` | A value is above zero. | kept | broken: It is -1 \\| so. second line |',
        '| `value.odd` | A value may be odd. | differs: Pairs only. | kept |',
        '',
      ].join('\n'),
    );
    const text = textTable(reports);
    expect(text).toContain('✓ value.positive  A value is above zero.');
    expect(text).toContain('1 kept, 1 differ, 0 broken');
    expect(text).toMatch(/^ +broken: It is -1 \| so\.\n +second line\n +tried: It is looked at\.$/m);
  });
});

describe('the command', () => {
  const directory = mkdtempSync(join(tmpdir(), 'uws-report-'));
  afterAll(() => rmSync(directory, { recursive: true }));

  /** Calls it with a module that exports this as its default, an expression over `good` and `bad`. */
  async function call(expression: string, ...options: string[]) {
    const path = join(directory, `module-${Math.random()}.mjs`);
    const result = (outcome: string) =>
      `{ id: 'a.b', promise: 'P.', trial: 'T.', outcome: '${outcome}', error: new Error('why'), durationMs: 1 }`;
    const adapter = (name: string, outcome: string) =>
      `{ contract: 'Counter', name: '${name}', guarantees: ['a.b'], tryIt: async () => ({ contract: 'Counter', adapter: '${name}', results: [${result(outcome)}] }) }`;
    writeFileSync(
      path,
      `const good = ${adapter('good', 'kept')}; const bad = ${adapter('bad', 'broken')}; export default ${expression};`,
    );
    let out = '';
    let err = '';
    const code = await run([path, ...options], {
      out: (text) => {
        out += text;
      },
      err: (text) => {
        err += text;
      },
    });
    return { code, out, err };
  }

  it('ends with 0 when all is kept, and with 1 when something is broken', async () => {
    expect(await call('[good]')).toMatchObject({
      code: 0,
      err: 'Counter: good, 1 guarantees … 1 kept, 0 differ, 0 broken\n',
    });
    const broken = await call('[good, bad]', '--markdown');
    expect(broken.code).toBe(1);
    expect(broken.out).toContain('| `a.b` | P. | kept | broken: why |');
  });

  it('ends with 2, and says what to do, when it was called wrongly', async () => {
    for (const [expression, ...options] of [
      ['7'],
      ['[]'],
      ['[{}]'],
      ['[good]', 'another'],
      ['[good]', '--nonsense'],
      ['[good]', '--at-once', '0'],
      ['[good]', '--contract', 'Storage'],
      ['[good]', '--guarantee', 'a.c'],
      ['[good]', '--list', '--contract', 'Nothing'],
    ] as const) {
      const { code, out, err } = await call(expression, ...options);
      expect([code, out], options.join(' ')).toEqual([2, '']);
      expect(err).toMatch(/^uws-testkit: .*--help\.\n$/s);
    }
    expect((await call('[good]', '--help')).out).toContain('Usage: uws-testkit');
  });

  it('tries one guarantee, or those of one word, and lists what there is', async () => {
    for (const word of ['a.b', 'a']) expect((await call('[good]', '--guarantee', word)).code).toBe(0);
    const { code, out } = await call('[good]', '--list', '--contract', 'Resource');
    expect(code).toBe(0);
    expect(out).toMatch(/^Resource\n {2}\S+\.\S+ +[A-Z`].*\.$/m);
    expect(out).not.toContain('Storage');
  });

  it('takes what defineAdapters makes', async () => {
    const [defined] = defineAdapters(suite, even);
    expect(defined).toMatchObject({ contract: 'Counter', name: 'even', guarantees: ['value.positive', 'value.odd'] });
    const tried = async (chosen: (id: string) => boolean) => {
      const report = await defined?.tryIt({ atOnce: 1, signal: new AbortController().signal, chosen });
      return report?.results.map(({ id, outcome }) => `${id} ${outcome}`);
    };
    expect(await tried(() => true)).toEqual(['value.positive kept', 'value.odd differs']);
    expect(await tried((id) => id === 'value.odd')).toEqual(['value.odd differs']);
  });
});
