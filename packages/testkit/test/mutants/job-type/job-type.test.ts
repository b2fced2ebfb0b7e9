import type { JobRecipe, JobTypeKind } from '@user-workspaces/contract';
import { AdapterError } from '@user-workspaces/contract';
import { jobTypeSuite } from '@user-workspaces/testkit';
import { webApplicationJob, yacJob } from '../../../../job-types/src/index.js';
import {
  jobType,
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
let made = 0;

testMutants(
  jobTypeSuite,
  undefined,
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
  ],
  8,
);
