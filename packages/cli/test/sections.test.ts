import { describe, expect, it } from 'vitest';
import { dataFile, load, plainUser, refusal } from './load.js';

/** A configuration of the environment, part by part. */
function sections(given: Record<string, unknown>): { environment: Record<string, string> } {
  return {
    environment: Object.fromEntries(
      Object.entries(given).map(([key, value]) => [`UWS_${key.toUpperCase()}`, JSON.stringify(value)]),
    ),
  };
}

describe("the old service's configuration", () => {
  it('is accepted as it was recorded', async () => {
    const { configuration, notices } = await load({ options: { config: dataFile('recorded-config.json') } });
    expect(configuration).toMatchObject({ accounts: 'system', sign_in_link: false, main_resource: 'main_resource' });
    expect(configuration.available_user_authentication.main_auth?.connection_details.create_external_users).toBe(false);
    expect(configuration.available_storage.main_storage?.root_dir).toBe(dataFile('@ROOT@'));
    expect(configuration.available_resources.main_resource).toMatchObject({
      parameter_mapping: { num_cpus: 'cpus_per_task', memory_mb: 'memory_per_node', time_limit_min: 'time_limit' },
      time_pending_catch: 600,
    });
    expect(configuration.available_resources.main_resource?.passthrough_domain).toBeUndefined();
    expect(configuration.parameters.map((parameter) => parameter.variable_name)).toEqual([
      'num_cpus',
      'memory_mb',
      'time_limit_min',
      'gpu_enabled',
    ]);
    const texts = notices.map(({ message }) => message).join('\n');
    expect(texts).toContain(
      'available_storage.main_storage.allowed_link_roots is not set, so links in workspaces are refused',
    );
    expect(texts).toContain('passthrough_domain is "http://127.0.0.1:5050", and an IP address has no sub-domains');
    expect(notices).toHaveLength(2);
  });

  it('takes link roots from the environment, then without a warning', async () => {
    const { configuration, notices } = await load({
      options: { config: dataFile('recorded-config.json') },
      environment: { UWS_ALLOWED_LINK_ROOTS: '/srv/data' },
    });
    expect(configuration.available_storage.main_storage?.allowed_link_roots).toEqual(['/srv/data']);
    expect(notices.map(({ message }) => message).join()).not.toContain('allowed_link_roots');
  });

  it('runs under the own account, and says so, where the server is not root', async () => {
    const { configuration, notices } = await load({
      options: { config: dataFile('recorded-config.json') },
      machine: plainUser,
    });
    expect(configuration.accounts).toBe('own');
    expect(notices.map(({ message }) => message).join()).toContain('the server is not root');
  });

  it('stops the start where it names an adapter that is not supported yet', async () => {
    const config = dataFile('example_config.json');
    expect(await refusal({ options: { config } })).toBe(
      `available_user_authentication.main_auth.user_authentication_type names an adapter that is not supported yet (supported: LocalUserAuthentication); it is "GlobusUserAuthentication" (in ${config}).`,
    );
  });

  it.each([
    ['available_user_authentication', 'user_authentication_type', 'PSCAPIUserAuthentication'],
    ['available_storage', 'storage_type', 'HubmapLocalFileSystemStorage'],
  ])('knows in %s what is to come', async (section, typeKey, type) => {
    const message = await refusal(
      sections({ [section]: { x: { [typeKey]: type, root_dir: '/x', cpu_partition: 'a' } } }),
    );
    expect(message).toContain(`${section}.x.${typeKey} names an adapter that is not supported yet`);
    expect(message).toContain(`"${type}"`);
  });
});

describe('a section', () => {
  it('refuses a key without effect, but tolerates old ones in connection_details', async () => {
    const entry = { storage_type: 'LocalFileSystemStorage', root_dir: '/w' };
    const message = await refusal(sections({ available_storage: { s: { ...entry, root: '/x' } } }));
    expect(message).toContain(
      'available_storage.s.root is not supported in a LocalFileSystemStorage: known keys are name, storage_type,',
    );
    await load(sections({ available_storage: { s: { ...entry, connection_details: { anything: 1 } } } }));
  });

  it('wants the main one named where there are several', async () => {
    const entry = { storage_type: 'LocalFileSystemStorage', root_dir: '/w' };
    const given = { available_storage: { a: entry, b: entry } };
    expect(await refusal(sections(given))).toBe('main_storage must be set to one of a, b; it is absent (by default).');
    const { environment } = sections(given);
    const { configuration } = await load({ environment: { ...environment, UWS_MAIN_STORAGE: 'b' } });
    expect(configuration.main_storage).toBe('b');
    expect(await refusal({ environment: { ...environment, UWS_MAIN_STORAGE: 'c' } })).toBe(
      'main_storage must be one of a, b; it is "c" (UWS_MAIN_STORAGE in the environment).',
    );
  });

  it.each([
    [
      'an unknown kind',
      { job_type: 'Nonsense', environment_details: {} },
      'available_job_types.j.job_type must be one of JupyterLabJob,',
    ],
    [
      'no environment',
      { job_type: 'LocalTestJob' },
      'available_job_types.j.environment_details must have an environment for the resource',
    ],
    [
      'an unknown resource',
      { job_type: 'LocalTestJob', environment_details: { cloud: {} } },
      'available_job_types.j.environment_details.cloud must be named after a resource (one of main_resource)',
    ],
    [
      'a wrong detail',
      { job_type: 'AppyterJob', environment_details: { main_resource: { sif_file_path: 'x' } } },
      'available_job_types.j.environment_details.main_resource.sif_file_path must be an absolute path',
    ],
    [
      'details for a resource that takes none',
      { job_type: 'LocalTestJob', environment_details: { main_resource: { resource_details: { image: 'debian' } } } },
      'available_job_types.j.environment_details.main_resource.resource_details.image is not a known key',
    ],
    [
      'details for a resource that are no object',
      { job_type: 'LocalTestJob', environment_details: { main_resource: { resource_details: 'debian' } } },
      'available_job_types.j.environment_details.main_resource.resource_details must be an object',
    ],
    ['an unknown key', { job_type: 'LocalTestJob', colour: 1 }, 'available_job_types.j.colour is not a known key'],
  ])('refuses a job type with %s', async (_what, entry, message) => {
    expect(await refusal(sections({ available_job_types: { j: entry } }))).toContain(message);
  });

  it('refuses names that are no names', async () => {
    const message = await refusal(sections({ available_job_types: { '../x': { job_type: 'LocalTestJob' } } }));
    expect(message).toContain('available_job_types.../x must be a name of letters, digits');
  });

  it('refuses parameters that contradict themselves', async () => {
    const parameter = {
      display_name: 'A',
      variable_name: 'a',
      default_value: 1,
      validation: { type: 'int', min: 5, max: 2 },
    };
    const message = await refusal(sections({ parameters: [parameter, { ...parameter, aliases: ['a'] }] }));
    expect(message).toContain('parameters.0.validation.max must be at least min, which is 5; it is 2');
    expect(message).toContain('parameters.1.variable_name must be a name that no other parameter has');
    const wrongType = await refusal(sections({ parameters: [{ ...parameter, validation: { type: 'number' } }] }));
    expect(wrongType).toContain('parameters.0.validation.type must be one of "int", "str"');
  });

  it('refuses a second set of accounts', async () => {
    const local = { user_authentication_type: 'LocalUserAuthentication' };
    const { environment } = sections({
      available_user_authentication: { a: local, b: local },
      available_storage: { s: { storage_type: 'LocalFileSystemStorage', root_dir: '/w', user_authentication: 'a' } },
      available_resources: { r: { resource_type: 'LocalResource', user_authentication: 'b' } },
    });
    const message = await refusal({ environment: { ...environment, UWS_API_USER_AUTHENTICATION: 'a' } });
    expect(message).toContain('available_resources.r.user_authentication must be a, as for main_storage');
  });
});

describe('a Slurm cluster', () => {
  const cluster = (entry: object, details: object = {}) => {
    const { environment } = sections({
      available_resources: { c: { resource_type: 'SlurmResource', ...entry } },
      available_job_types: {
        t: { job_type: 'TerminalJob', environment_details: { c: { resource_details: details } } },
      },
    });
    return { environment: { ...environment, UWS_ACCOUNTS: 'system' } };
  };

  it('is accepted with what job types may need of it', async () => {
    const { configuration } = await load(
      cluster(
        {
          cpu_partition: 'general',
          allowed_options: ['exclusive'],
          session_ports: [30000, 30100],
          connection_details: { slurm_conf: '/etc/slurm/slurm.conf', command_prefix: ['ssh', 'login'] },
        },
        { partition: 'short', exclusive: true },
      ),
    );
    expect(configuration.available_resources.c?.resource_type).toBe('SlurmResource');
  });

  const gateway = {
    resource_type: 'SlurmAPIResource',
    cpu_partition: 'cpu',
    gpu_partition: '',
    connection_details: { root_url: 'https://h/api', api_token: 't', token_lifespan: '3600' },
  };

  it('is accepted behind the gateway of its site, as the old service names it', async () => {
    const { configuration } = await load(cluster(gateway, { partition: 'short' }));
    expect(configuration.available_resources.c).toMatchObject(gateway);
  });

  it.each([
    [{ root_url: 'https://h/api' }, 'connection_details.api_token must be a text'],
    [{ root_url: 'h', api_token: 't' }, 'connection_details.root_url must be an address such as https://'],
    [{ ...gateway.connection_details, token_lifespan: 'long' }, 'token_lifespan must be a number of seconds above 0'],
  ])('behind a gateway is refused with %j', async (connection_details, message) => {
    expect(await refusal(cluster({ ...gateway, connection_details }))).toContain(message);
  });

  it.each([
    'SlurmResource',
    'SlurmAPIResource',
  ])('as a %s is refused beside accounts that it cannot know', async (type) => {
    const entry = type === gateway.resource_type ? gateway : { resource_type: type };
    const { environment } = cluster(entry);
    const message = await refusal({ environment: { ...environment, UWS_ACCOUNTS: 'reserved' } });
    expect(message).toContain('accounts must not be "reserved" beside c: a Slurm cluster has to know the accounts');
  });

  it.each([
    [{ cpu_partitions: 'a' }, {}, 'available_resources.c.cpu_partitions is not supported in a SlurmResource'],
    [{ session_ports: [1] }, {}, 'available_resources.c.session_ports must be a list of two ports'],
    [{ connection_details: { slurm_conf: 'etc' } }, {}, 'connection_details.slurm_conf must be an absolute path'],
    [{ connection_details: { rest_url: 'http://h' } }, {}, 'must have rest_url and jwt_key_file together'],
    [
      { connection_details: { rest_url: 'h:6820', jwt_key_file: '/k' } },
      {},
      'connection_details.rest_url must be an address such as http://127.0.0.1:6820',
    ],
    [{}, { nodelist: 'n1' }, 'environment_details.c.resource_details.nodelist is not a known key: known are partition'],
    [{}, { partition: '-x' }, 'environment_details.c.resource_details.partition must be true or a text'],
  ])('is refused with %j and %j', async (entry, details, message) => {
    expect(await refusal(cluster(entry, details))).toContain(message);
  });
});

describe('a container engine', () => {
  const engine = (entry: object, details: object = {}) =>
    sections({
      available_resources: { e: { resource_type: 'DockerResource', ...entry } },
      available_job_types: {
        t: { job_type: 'TerminalJob', environment_details: { e: { resource_details: details } } },
      },
    });

  it('is accepted with an image of its own, or of the job type', async () => {
    const connection_details = { url: 'unix:///run/docker.sock' };
    await load(engine({ image: 'debian:12', pids_limit: 100, gpus: true, connection_details }));
    const bySsh = { url: 'ssh://uws@engine.internal' };
    const { configuration } = await load(
      engine({ connection_details: bySsh }, { image: 'debian:12', pull_policy: 'always' }),
    );
    expect(configuration.available_resources.e?.resource_type).toBe('DockerResource');
  });

  const tls = { ca: '/no/ca', certificate: '/no/c', key: '/no/k' };
  it.each([
    [{ images: 'a' }, {}, 'available_resources.e.images is not supported in a DockerResource'],
    [{ image: 'a', gpus: 1 }, {}, 'available_resources.e.gpus must be true or false'],
    [{ image: 'a', pids_limit: 0 }, {}, 'available_resources.e.pids_limit must be a whole number above 0'],
    [{ connection_details: { url: 'somewhere' } }, {}, 'connection_details.url must be unix:///'],
    [{ connection_details: { url: 'ssh://' } }, {}, 'connection_details.url must be unix:///'],
    [{ connection_details: { tls } }, {}, 'connection_details.tls.ca must be a file that the server can read'],
    [{}, {}, 'environment_details.e.resource_details.image is missing'],
    [{ image: 'a' }, { pull_policy: 'maybe' }, 'environment_details.e.resource_details.pull_policy must be one of'],
    [
      { image: 'a' },
      { colour: 1 },
      'environment_details.e.resource_details.colour is not a known key: known are image',
    ],
    [{ image: 'a' }, { network: 'host' }, 'environment_details.e.resource_details.network cannot be "host"'],
  ])('is refused with %j and %j', async (entry, details, message) => {
    expect(await refusal(engine(entry, details))).toContain(message);
  });
});

describe('the pass-through domain', () => {
  it.each([
    ['sessions.example.org', 'sessions.example.org'],
    ['https://sessions.example.org:8443/', 'sessions.example.org:8443'],
    ['127.0.0.1:8000', undefined],
    ['http://[::1]:5050', undefined],
    ['localhost:5050', undefined],
  ])('%s', async (value, domain) => {
    const { configuration, notices } = await load({ environment: { UWS_PASSTHROUGH_DOMAIN: value } });
    expect(configuration.available_resources.main_resource?.passthrough_domain).toBe(domain);
    expect(notices).toHaveLength(domain === undefined ? 1 : 0);
  });

  it('beats, from the environment, what the resource says', async () => {
    const { configuration } = await load({
      options: { config: dataFile('recorded-config.json') },
      environment: { UWS_PASSTHROUGH_DOMAIN: 's.example.org' },
    });
    expect(configuration.available_resources.main_resource?.passthrough_domain).toBe('s.example.org');
  });

  it.each(['a b', 'x.org/path', 'me@x.org', 'ftp://x.org'])('refuses %s', async (value) => {
    expect(await refusal({ environment: { UWS_PASSTHROUGH_DOMAIN: value } })).toContain(
      `passthrough_domain must be a host name, with a port if needed; it is "${value}"`,
    );
  });
});
