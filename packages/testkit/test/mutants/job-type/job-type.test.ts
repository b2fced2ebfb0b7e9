import type { JobRecipe, JobTypeKind, SessionActivity } from '@user-workspaces/contract';
import { AdapterError } from '@user-workspaces/contract';
import { jobTypeSuite } from '@user-workspaces/testkit';
import { jupyterLabJob, webApplicationJob, yacJob } from '../../../../job-types/src/index.js';
import {
  jobType,
  jupyterAnswers,
  readsNoDetails,
  webApplicationOfRequestsWorld,
  webApplicationWorld,
  yacWorld,
} from '../../../../job-types/test/adapters.js';
import { testMutants } from '../mutants.js';

/** A kind whose recipes are changed. */
function altered(
  kind: JobTypeKind,
  change: (recipe: JobRecipe, request: Parameters<ReturnType<JobTypeKind['configure']>['recipe']>[0]) => JobRecipe,
): JobTypeKind {
  return {
    kind: kind.kind,
    configure(details, where) {
      const type = kind.configure(details, where);
      return { recipe: (request) => change(type.recipe(request), request) };
    },
  };
}

const web = (kind: JobTypeKind) => jobType('', kind, webApplicationWorld).open;

/** JupyterLab that knows otherwise whether it is used. */
function jupyter(change: (activity: SessionActivity) => SessionActivity) {
  const kind: JobTypeKind = {
    kind: jupyterLabJob.kind,
    configure(details, where) {
      const type = jupyterLabJob.configure(details, where);
      return { recipe: type.recipe, activity: change(type.activity ?? { traffic: [] }) };
    },
  };
  const details = { module_manager: 'system' };
  const mistakes = [{ details: {}, key: 'module_manager' }];
  return jobType('', kind, { details, mistakes, rightDetails: [{}], answers: jupyterAnswers ?? [] }).open;
}

type Read = NonNullable<SessionActivity['questions']>[number]['read'];

const jupyterReading = (change: (read: Read, answer: unknown) => ReturnType<Read>) =>
  jupyter((activity) => ({
    ...activity,
    questions: (activity.questions ?? []).map(({ path, read }) => ({ path, read: (answer) => change(read, answer) })),
  }));

/** An author without types may write any word. */
const traffic = (word: string): SessionActivity['traffic'][number] => JSON.parse(JSON.stringify(word));

let made = 0;

testMutants(
  jobTypeSuite,
  undefined,
  [
    {
      fault: 'makes a new file name each time',
      open: web(
        altered(webApplicationJob, (recipe) => {
          made += 1;
          return { ...recipe, files: [...recipe.files, { name: `settings-${made}`, content: '', mode: 0o600 }] };
        }),
      ),
      breaks: ['recipe.same'],
    },
    {
      fault: 'writes the user name into a script',
      open: web(
        altered(webApplicationJob, (recipe, { username }) => ({
          ...recipe,
          files: recipe.files.map((file) =>
            file.name === 'start.sh' ? { ...file, content: `# for ${username}\n${file.content}` } : file,
          ),
        })),
      ),
      breaks: ['recipe.user-is-data'],
    },
    {
      fault: 'lets a request name its program',
      open: web(
        altered(webApplicationJob, (recipe, { jobDetails: { program } }) => ({
          ...recipe,
          command: typeof program === 'string' ? [program] : recipe.command,
        })),
      ),
      breaks: ['recipe.details-are-data'],
    },
    {
      fault: 'shows the token of the session in the command line',
      open: web(
        altered(webApplicationJob, (recipe, { sessionToken }) => ({
          ...recipe,
          command: [...recipe.command, `--token=${sessionToken}`],
        })),
      ),
      breaks: ['recipe.token'],
    },
    {
      fault: 'throws whatever comes when details are odd',
      open: web({
        kind: webApplicationJob.kind,
        configure(details, where) {
          const type = webApplicationJob.configure(details, where);
          return {
            recipe(request) {
              if (request.jobDetails.name === null) throw new TypeError('Cannot read properties of null');
              return type.recipe(request);
            },
          };
        },
      }),
      breaks: ['recipe.odd-details'],
    },
    {
      fault: 'does not say which key of its configuration is wrong',
      open: web({
        kind: webApplicationJob.kind,
        configure(details, where) {
          try {
            return webApplicationJob.configure(details, where);
          } catch (error) {
            if (!AdapterError.is(error)) throw error;
            throw new AdapterError(error.kind, 'The configuration of the job type is wrong.', { field: where });
          }
        },
      }),
      breaks: ['configure.misconfigured'],
    },
    {
      fault: 'is called by two words in the configuration',
      open: web({ ...webApplicationJob, kind: 'Web Application' }),
      breaks: ['configure.kind'],
    },
    {
      fault: 'stumbles over a configuration of the wrong type',
      open: web({
        kind: webApplicationJob.kind,
        configure(details, where) {
          const { readiness_path: path } = details;
          if (path !== undefined && typeof path !== 'string') throw new TypeError('path.startsWith is not a function');
          return webApplicationJob.configure(details, where);
        },
      }),
      breaks: ['configure.wrong-types'],
    },
    {
      fault: 'leaves a mark in the details of a request',
      open: web(
        altered(webApplicationJob, (recipe, { jobDetails }) => {
          Object.assign(jobDetails, { seen: true });
          return recipe;
        }),
      ),
      breaks: ['recipe.pure'],
    },
    {
      fault: 'does not say which of the details is at fault',
      open: web({
        kind: webApplicationJob.kind,
        configure(details, where) {
          const type = webApplicationJob.configure(details, where);
          return {
            recipe(request) {
              try {
                return type.recipe(request);
              } catch (error) {
                if (!AdapterError.is(error, 'invalid')) throw error;
                throw new AdapterError('invalid', error.message, { field: 'job_details' });
              }
            },
          };
        },
      }),
      breaks: ['recipe.invalid'],
    },
    {
      fault: 'is ready at what is no path',
      open: web(
        altered(webApplicationJob, ({ session, ...recipe }) => ({
          ...recipe,
          ...(session && { session: { ...session, readiness: { path: 'ready', statuses: [200, 299] } } }),
        })),
      ),
      breaks: ['session.well-formed'],
    },
    {
      fault: 'is asked for paths of which its program hears nothing',
      open: web(
        altered(webApplicationJob, ({ session, ...recipe }) => ({
          ...recipe,
          environment: { COLOUR: 'red' },
          ...(session && { session: { ...session, basePath: 'keep' } }),
        })),
      ),
      breaks: ['session.base-path'],
    },
    {
      fault: 'lets a shell read a field of its own',
      open: jobType(
        '',
        altered(webApplicationJob, (recipe, { jobDetails: { title } }) => ({
          ...recipe,
          command: typeof title === 'string' ? ['/bin/sh', '-c', `echo ${title}`] : recipe.command,
        })),
        { ...webApplicationWorld, rightDetails: [{}, { title: 'Growth' }] },
      ).open,
      breaks: ['recipe.details-are-data', 'recipe.odd-details'],
    },
    {
      fault: 'lets a shell read a field that no right request of its world has',
      open: web(
        altered(webApplicationJob, (recipe, { jobDetails: { title } }) => ({
          ...recipe,
          command: typeof title === 'string' ? ['/bin/sh', '-c', `echo ${title}`] : recipe.command,
        })),
      ),
      breaks: ['recipe.details-are-data'],
    },
    {
      fault: 'writes what lies deep in a request into a script',
      open: jobType(
        '',
        altered(webApplicationJob, (recipe, { jobDetails: { report } }) => ({
          ...recipe,
          files: [...recipe.files, { name: 'report.sh', mode: 0o500, content: `# ${JSON.stringify(report)}` }],
        })),
        { ...webApplicationWorld, rightDetails: [{ report: { parts: [{ title: 'Growth' }] } }] },
      ).open,
      breaks: ['recipe.details-are-data'],
    },
    {
      fault: 'lets a request set PATH',
      open: web(
        altered(webApplicationJob, (recipe, { jobDetails: { path } }) => ({
          ...recipe,
          environment: typeof path === 'string' ? { ...recipe.environment, PATH: path } : recipe.environment,
        })),
      ),
      breaks: ['recipe.details-are-data'],
    },
    {
      fault: 'sets the address to listen on, which is the resource’s',
      open: web(
        altered(webApplicationJob, (recipe) => ({
          ...recipe,
          environment: { ...recipe.environment, UWS_LISTEN: '0.0.0.0' },
        })),
      ),
      breaks: ['recipe.well-formed'],
    },
  ],
  8,
);

testMutants(
  jobTypeSuite,
  { fixed_command: 'The operator lets requests bring their command.' },
  [
    {
      fault: 'lets a shell read the command of a request',
      open: jobType(
        '',
        altered(webApplicationJob, (recipe, { jobDetails: { command } }) => ({
          ...recipe,
          command: Array.isArray(command) ? ['/bin/sh', '-c', command.join(' ')] : recipe.command,
        })),
        webApplicationOfRequestsWorld,
      ).open,
      breaks: ['recipe.details-are-data'],
    },
    {
      fault: 'takes a single field of a request for an option',
      open: jobType(
        '',
        altered(webApplicationJob, (recipe, { jobDetails: { input } }) => ({
          ...recipe,
          command: typeof input === 'string' ? ['/usr/bin/sort', input] : recipe.command,
        })),
        { ...webApplicationOfRequestsWorld, rightDetails: [{ input: 'data.txt' }] },
      ).open,
      breaks: ['recipe.details-are-data', 'recipe.odd-details'],
    },
  ],
  8,
);

testMutants(
  jobTypeSuite,
  readsNoDetails,
  [
    {
      fault: 'takes the time of its token from the clock instead of the request',
      open: jobType(
        '',
        {
          kind: yacJob.kind,
          configure(details, where) {
            const type = yacJob.configure(details, where);
            return { recipe: (request) => type.recipe({ ...request, nowMs: Date.now() }) };
          },
        },
        yacWorld,
      ).open,
      breaks: ['recipe.same'],
    },
    {
      fault: 'puts its key where everybody can read it',
      open: jobType(
        '',
        altered(yacJob, (recipe) => ({
          ...recipe,
          files: [...recipe.files, { name: 'key', content: yacWorld.details.jwt_secret_key, mode: 0o644 }],
        })),
        yacWorld,
      ).open,
      breaks: ['configure.secrets'],
    },
    {
      fault: 'asks outside of its session',
      open: jupyter((activity) => ({
        ...activity,
        questions: (activity.questions ?? []).map((question) => ({ ...question, path: `/..${question.path}` })),
      })),
      breaks: ['activity.well-formed', 'activity.read'],
    },
    {
      fault: 'counts traffic of a kind that there is not',
      open: jupyter((activity) => ({ ...activity, traffic: [...activity.traffic, traffic('everything')] })),
      breaks: ['activity.well-formed'],
    },
    {
      fault: 'cannot read what its application answers',
      open: jupyterReading(() => {
        throw new SyntaxError('Unexpected answer');
      }),
      breaks: ['activity.read'],
    },
    {
      fault: 'takes a kernel at work for an idle one',
      open: jupyterReading((read, answer) => {
        const use = read(answer);
        return use.kind === 'busy' ? { kind: 'idle', lastUsedAtMs: null } : use;
      }),
      breaks: ['activity.read'],
    },
    {
      fault: 'tells a time that is none for an answer that it cannot read',
      open: jupyterReading((read, answer) => {
        try {
          return read(answer);
        } catch {
          return { kind: 'idle', lastUsedAtMs: Number.NaN };
        }
      }),
      breaks: ['activity.read'],
    },
    {
      fault: 'sorts the answer that it reads, in place',
      open: jupyterReading((read, answer) => read(Array.isArray(answer) ? answer.reverse() : answer)),
      breaks: ['activity.read'],
    },
  ],
  8,
);
