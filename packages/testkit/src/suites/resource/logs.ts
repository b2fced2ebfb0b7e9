import assert from 'node:assert/strict';
import { failureOf } from '../../expectation.js';
import { type ResourceGuarantee, timeoutMs, withJobs } from './world.js';

export const logGuarantees: readonly ResourceGuarantee[] = [
  {
    id: 'logs.whole',
    promise:
      'The output of a job, standard error included, is kept in order until it is forgotten, also across a restart.',
    trial: 'A job writes to both, half a megabyte too; two instances read it.',
    timeoutMs,
    check: withJobs(async (jobs, { reopen }) => {
      const script = 'echo one; echo two >&2; echo three; head -c 524288 /dev/zero | tr "\\0" x; echo; echo last';
      const { specification } = await jobs.finished(script);
      const expected = `one\ntwo\nthree\n${'x'.repeat(524288)}\nlast\n`;
      for (const options of [{}, { resource: await reopen() }]) {
        const { from, text } = await jobs.logs(specification, { fromByte: 0, follow: false }, options);
        assert.equal(from, 0);
        assert.ok(text === expected, `The output has ${text.length} characters instead of ${expected.length}.`);
      }
    }),
  },
  {
    id: 'logs.positions',
    promise: 'Positions count bytes from the beginning of the output, from wherever it is read.',
    trial: 'The output "één twee\\n" is read from positions, also within a character, by its tail, and beyond its end.',
    timeoutMs,
    check: withJobs(async (jobs) => {
      const bytes = Buffer.from('één twee\n');
      const { specification } = await jobs.finished("printf 'één twee\\n'");
      const read = async (range: { fromByte: number } | { tailBytes: number }) =>
        jobs.logs(specification, { ...range, follow: false });
      for (const fromByte of [0, 1, 4, 6, bytes.length - 1]) {
        const expected = { from: fromByte, text: bytes.subarray(fromByte).toString() };
        assert.deepEqual(await read({ fromByte }), expected, `From byte ${fromByte}.`);
      }
      for (const tailBytes of [1, 5, bytes.length]) {
        const from = bytes.length - tailBytes;
        assert.deepEqual(await read({ tailBytes }), { from, text: bytes.subarray(from).toString() }, 'The tail.');
      }
      assert.deepEqual(await read({ tailBytes: 1000 }), { from: 0, text: bytes.toString() });
      assert.equal((await read({ fromByte: 1000 })).text, '', 'There is nothing beyond the end.');
      assert.equal((await read({ tailBytes: 0 })).text, '');
    }),
  },
  {
    id: 'logs.follow',
    promise: 'With `follow` the output comes as it is written, until the launch has ended.',
    trial: 'A job writes a line only when the line before was read.',
    timeoutMs,
    check: withJobs(async (jobs, { resource }) => {
      const specification = await jobs.run(
        'echo 1; while [ ! -e go-1 ]; do sleep 0.2; done; echo 2; while [ ! -e go-2 ]; do sleep 0.2; done; echo 3',
      );
      let text = '';
      let end = 0;
      const reference = { ...specification, handle: null };
      for await (const { offsetBytes, content } of resource.logs(reference, { fromByte: 0, follow: true })) {
        assert.equal(offsetBytes, end, 'A piece is missing or comes twice.');
        end += content.length;
        text += Buffer.from(content).toString();
        if (text === '1\n') await jobs.write('go-1');
        if (text === '1\n2\n') await jobs.write('go-2');
      }
      assert.equal(text, '1\n2\n3\n', 'Following ended before the job did.');
      await jobs.ended(specification);
      assert.deepEqual(await jobs.logs(specification, { tailBytes: 2, follow: true }), { from: 4, text: '3\n' });
    }),
  },
  {
    id: 'logs.none',
    promise: 'A job without output, and a key that was never launched, have no output.',
    trial: 'Both are read, with and without following.',
    timeoutMs,
    check: withJobs(async (jobs) => {
      const { specification } = await jobs.finished('true');
      for (const launch of [specification, jobs.specification('true')]) {
        for (const follow of [false, true]) {
          assert.equal((await jobs.logs(launch, { fromByte: 0, follow })).text, '');
          assert.equal((await jobs.logs(launch, { tailBytes: 100, follow })).text, '');
        }
      }
    }),
  },
  {
    id: 'logs.aborted',
    promise: 'Following ends with the signal.',
    trial: 'The output of a silent job is followed until the reader goes away.',
    timeoutMs,
    check: withJobs(async (jobs, _, { signal }) => {
      const specification = await jobs.run('echo begin; while [ ! -e end ]; do sleep 0.2; done');
      const reader = new AbortController();
      const reading = jobs.logs(
        specification,
        { fromByte: 0, follow: true },
        { signal: AbortSignal.any([reader.signal, signal]) },
      );
      await jobs.until(async () => ((await jobs.output(specification)) !== '' ? true : undefined), 'No output came.');
      reader.abort(new Error('The reader went away.'));
      await failureOf(reading, 'Following with an aborted signal');
      assert.equal((await jobs.observe(specification)).kind, 'running', 'The job ended with its reader.');
    }),
  },
];
