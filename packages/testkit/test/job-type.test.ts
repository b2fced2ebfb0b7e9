import { AdapterError, type JobTypeKind } from '@user-workspaces/contract';
import { type JobTypeWorld, jobTypeSuite, testAdapter, tryAdapter } from '@user-workspaces/testkit';
import { describe, expect, it, test } from 'vitest';

/** Needs a field, and hands two to its program: as a path, behind what ends the options, and as data. */
const reportJob: JobTypeKind = {
  kind: 'ReportJob',
  configure: () => ({
    recipe({ jobDetails: { dataset, title = '' } }) {
      for (const [field, value] of Object.entries({ dataset, title })) {
        if (typeof value === 'string' && !value.includes('\0') && (field === 'title' || value !== '')) continue;
        const message = `job_details.${field} must be a text.`;
        throw new AdapterError('invalid', message, { field: `job_details.${field}` });
      }
      return {
        command: ['/usr/bin/report', '--', String(dataset)],
        files: [],
        environment: { REPORT_TITLE: String(title) },
      };
    },
  }),
};

const open = async (): Promise<JobTypeWorld> => ({
  kind: reportJob,
  details: {},
  rightDetails: [{ dataset: 'corals' }, { dataset: 'corals', title: 'Growth' }],
  mistakes: [],
  refused: [{ jobDetails: {}, field: 'job_details.dataset' }],
  close: async () => {},
});

const differences = {
  configuration: 'There is nothing to configure.',
  fixed_command: 'The data set is an argument of the program.',
  session: 'It writes a file and ends.',
};

testAdapter({ describe, test }, jobTypeSuite, { name: 'one that needs a field', open, differences });

describe('a world that tries nothing', () => {
  async function toldOf(change: Partial<JobTypeWorld>, lacking: Partial<typeof differences> = differences) {
    const adapter = { name: 'unsound', open: async () => ({ ...(await open()), ...change }), differences: lacking };
    const { results } = await tryAdapter(jobTypeSuite, adapter);
    return new Map(results.map(({ id, error }) => [id, error instanceof Error ? error.message : 'kept']));
  }

  it('is told: without mistakes, without requests that are refused, with a right request that is not', async () => {
    const { configuration: _, ...others } = differences;
    expect((await toldOf({}, others)).get('configure.misconfigured')).toMatch(
      /^The world names no `mistakes`; declare/,
    );
    expect((await toldOf({ refused: [] })).get('recipe.invalid')).toMatch(/^The world names no `refused`; declare/);
    const told = await toldOf({ rightDetails: [{}] });
    expect(told.get('configure.kind')).toMatch(/^The right request {} of the world gives no recipe/);
  });

  it('is told where a question has no answer', async () => {
    const questions = [{ path: '/use', read: () => ({ kind: 'idle' as const, lastUsedAtMs: null }) }];
    const asking: JobTypeKind = {
      kind: 'ReportJob',
      configure: (details, where) => ({
        ...reportJob.configure(details, where),
        activity: { traffic: ['writes'], questions },
      }),
    };
    const told = await toldOf({ kind: asking });
    expect(told.get('activity.read')).toMatch(/^The world has no `answers` to the question \/use/);
    expect(told.get('activity.well-formed')).toBe('kept');
  });
});
