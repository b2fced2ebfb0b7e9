// What a portal's server offers, with a stand-in for Apptainer in UWS_TEST_PROGRAMS.
import { yacJob } from '@user-workspaces/job-types';

const programs = process.env.UWS_TEST_PROGRAMS ?? '';

/** The real job type, with the directory of the stand-in before all others in which the job looks for programs. */
const yacOnThisMachine = {
  kind: 'YACOnThisMachine',
  configure(details, where) {
    const yac = yacJob.configure(details, where);
    return {
      recipe(request) {
        const recipe = yac.recipe(request);
        return { ...recipe, environment: { ...recipe.environment, PATH: `${programs}:/usr/bin:/bin` } };
      },
    };
  },
};

export default {
  available_job_types: {
    jupyter_lab: {
      name: 'JupyterLab',
      job_type: 'JupyterLabJob',
      environment_details: { main_resource: { module_manager: 'system' } },
    },
    yac: {
      name: 'YAC',
      job_type: 'YACOnThisMachine',
      environment_details: {
        main_resource: {
          sif_file_path: `${programs}/yac.sif`,
          backend_url: 'https://llm.example.org',
          data_manifest_path: 'manifest.json',
          jwt_secret_key: 'a secret of the operator',
        },
      },
    },
    web_app: {
      name: 'Any command',
      job_type: 'WebApplicationJob',
      environment_details: { main_resource: { command: ['/bin/sh'], allow_command: true } },
    },
  },
  adapters: { job_types: [yacOnThisMachine] },
};
