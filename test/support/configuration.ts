import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const number = (variable: string, min: number, max: number, initial: number) => ({
  display_name: variable,
  description: '',
  variable_name: variable,
  default_value: initial,
  validation: { type: 'int', min, max, required: false },
});

/**
 * Writes a configuration for tests and returns its path. Everything is as without a configuration, except that
 * - `web_app` (base path stripped) and `web_app_keep` run `app.cjs` of the workspace, or any command of the request,
 * - limits may be as small as tests need them.
 */
export async function writeTestConfiguration(directory: string): Promise<string> {
  const webApplication = (basePath: 'strip' | 'keep') => ({
    name: `Web application, ${basePath}`,
    job_type: 'WebApplicationJob',
    environment_details: {
      main_resource: { command: ['{uws_node}', 'app.cjs'], allow_command: true, base_path: basePath },
    },
  });
  const configuration = {
    available_job_types: {
      terminal: { name: 'Terminal', job_type: 'TerminalJob', environment_details: { main_resource: {} } },
      jupyter_lab: {
        name: 'Jupyter Lab',
        job_type: 'JupyterLabJob',
        environment_details: { main_resource: { module_manager: 'system' } },
      },
      local_test_job: { name: 'Local Test Job', job_type: 'LocalTestJob', environment_details: { main_resource: {} } },
      web_app: webApplication('strip'),
      web_app_keep: webApplication('keep'),
    },
    parameters: [
      number('num_cpus', 1, 16, 1),
      number('memory_mb', 16, 131_072, 1024),
      number('time_limit_minutes', 1, 720, 180),
    ],
  };
  const path = join(directory, 'config.json');
  await writeFile(path, JSON.stringify(configuration));
  return path;
}
