import {
  type AuthenticationSection,
  builtInTypes,
  type JobTypeSection,
  type Parameters,
  type ResourceSection,
  type StorageSection,
} from './sections.js';

// What holds where the file has no such section: local sign-in, a directory, local processes.

export const defaultAuthentication: AuthenticationSection = {
  main_auth: { name: 'Local', user_authentication_type: builtInTypes.userAuthentication, connection_details: {} },
};

export function defaultStorage(rootDirectory: string): StorageSection {
  return {
    main_storage: {
      name: 'Local File Storage',
      storage_type: builtInTypes.storage,
      root_dir: rootDirectory,
      connection_details: {},
    },
  };
}

export const defaultResources: ResourceSection = {
  main_resource: {
    name: 'Local Resource',
    resource_type: builtInTypes.resource,
    parameter_mapping: {
      num_cpus: 'cpus_per_task',
      memory_mb: 'memory_per_node',
      time_limit_minutes: 'time_limit',
      time_limit_min: 'time_limit',
    },
    time_pending_catch: 600,
    connection_details: {},
  },
};

/** Stands in a command for the Node that the server brings for jobs. */
export const nodePlaceholder = '{uws_node}';
/** Stands in a command for the program that shows the files of a workspace. */
export const filesProgramPlaceholder = '{uws_files_program}';

/** @param jupyter Path of the Jupyter that is installed, if one is. */
export function defaultJobTypes(resource: string, jupyter: string | undefined): JobTypeSection {
  return {
    ...(jupyter !== undefined && {
      jupyter_lab: {
        name: 'Jupyter Lab',
        job_type: 'JupyterLabJob',
        environment_details: { [resource]: { module_manager: 'system' } },
      },
    }),
    terminal: { name: 'Terminal', job_type: 'TerminalJob', environment_details: { [resource]: {} } },
    web_app: {
      name: 'Web Application',
      job_type: 'WebApplicationJob',
      environment_details: {
        [resource]: { command: [nodePlaceholder, filesProgramPlaceholder], token_query: 'token' },
      },
    },
    local_test_job: { name: 'Local Test Job', job_type: 'LocalTestJob', environment_details: { [resource]: {} } },
  };
}

/** They fit the sliders of the portal. */
export const defaultParameters: Parameters = [
  {
    display_name: 'Number of CPUs',
    description: 'Processor cores of the job.',
    variable_name: 'num_cpus',
    default_value: 1,
    validation: { type: 'int', min: 1, max: 16, required: false },
  },
  {
    display_name: 'Memory (MB)',
    description: 'Memory of the job, in megabytes.',
    variable_name: 'memory_mb',
    default_value: 1024,
    validation: { type: 'int', min: 1024, max: 131_072, required: false },
  },
  {
    display_name: 'Time Limit (minutes)',
    description: 'Time after which the job is ended.',
    variable_name: 'time_limit_minutes',
    default_value: 180,
    validation: { type: 'int', min: 1, max: 720, required: false },
    aliases: ['time_limit_min'],
  },
  {
    display_name: 'GPU Enabled',
    description: 'Whether the job gets a graphics processor.',
    variable_name: 'gpu_enabled',
    default_value: false,
    validation: { type: 'bool', required: false },
  },
];
