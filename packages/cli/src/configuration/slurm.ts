import type { SlurmResourceOptions } from '@user-workspaces/resource-slurm';
import * as z from 'zod';

/** What the configuration calls a Slurm cluster that is reached by Slurm's own commands or by slurmrestd. */
export const slurmType = 'SlurmResource';
/** What the old service called a Slurm cluster that is reached by the gateway of its site. */
export const slurmGatewayType = 'SlurmAPIResource';

export function isSlurm({ resource_type }: { readonly resource_type?: unknown }): boolean {
  return resource_type === slurmType || resource_type === slurmGatewayType;
}

const text = z.string('must be a text').regex(/^\P{Cc}+$/u, 'must be a text');
const words = z.array(text, 'must be a list of words').exactOptional();
const path = z
  .string()
  .regex(/^\/[^\0]*$/, 'must be an absolute path')
  .exactOptional();

/** Keys of Slurm clusters besides those that every resource has. */
export const slurmShape = {
  cpu_partition: z.string('must be a text').exactOptional(),
  gpu_partition: z.string('must be a text').exactOptional(),
  allowed_options: z
    .array(
      z.string().regex(/^[a-z][a-z_]*$/, 'must be an option of sbatch with "_" for "-"'),
      'must be a list of options',
    )
    .exactOptional(),
  node_addresses: z.record(z.string(), text, { error: 'must be an object' }).exactOptional(),
  session_ports: z.tuple([z.int(), z.int()], 'must be a list of two ports').exactOptional(),
};

const connection = z
  .strictObject({
    command_prefix: words,
    account_prefix: words,
    slurm_conf: path,
    bin_directory: path,
    rest_url: z
      .url({ protocol: /^https?$/, error: 'must be an address such as http://127.0.0.1:6820' })
      .exactOptional(),
    jwt_key_file: path,
    operator: text.exactOptional(),
  })
  .refine(({ rest_url, jwt_key_file }) => (rest_url === undefined) === (jwt_key_file === undefined), {
    error: 'must have rest_url and jwt_key_file together, or neither',
  });

const httpAddress = z.url({ protocol: /^https?$/, error: 'must be an address such as https://slurm.example.org/api' });

const gatewayConnection = z.strictObject({
  root_url: httpAddress,
  api_token: text,
  /** Seconds; the old service had it as a text. */
  token_lifespan: z
    .union([z.string(), z.int()])
    .refine((seconds) => /^[1-9]\d*$/.test(String(seconds)), 'must be a number of seconds above 0')
    .exactOptional(),
  health_check_url: httpAddress.exactOptional(),
});

const entrySchema = z.looseObject({ ...slurmShape, connection_details: connection });
const gatewaySchema = z.looseObject({ ...slurmShape, connection_details: gatewayConnection });

type Entry = Readonly<Record<string, unknown>>;

/** What is wrong with an entry of a cluster. */
export function slurmProblems(entry: Entry): z.core.$ZodIssue[] {
  const schema = entry.resource_type === slurmGatewayType ? gatewaySchema : entrySchema;
  return schema.safeParse(entry).error?.issues ?? [];
}

/** An entry, which was checked, as the adapter takes it. */
export function slurmOptionsOf(name: string, entry: Entry, recordsDirectory: string): SlurmResourceOptions {
  const shared = z.looseObject(slurmShape).parse(entry);
  const { cpu_partition, gpu_partition, allowed_options, node_addresses, session_ports } = shared;
  return {
    name,
    recordsDirectory,
    ...(cpu_partition && { cpuPartition: cpu_partition }),
    ...(gpu_partition && { gpuPartition: gpu_partition }),
    ...(allowed_options && { allowedOptions: allowed_options }),
    ...(node_addresses && { nodeAddresses: node_addresses }),
    ...(session_ports && { sessionPorts: session_ports }),
    ...(entry.resource_type === slurmGatewayType ? gatewayOf(entry) : clusterOf(entry)),
  };
}

function clusterOf(entry: Entry): Pick<SlurmResourceOptions, 'commandLine' | 'rest'> {
  const { command_prefix, account_prefix, slurm_conf, bin_directory, rest_url, jwt_key_file, operator } =
    entrySchema.parse(entry).connection_details;
  return {
    ...(rest_url !== undefined &&
      jwt_key_file !== undefined && {
        rest: { url: rest_url, keyFile: jwt_key_file, ...(operator !== undefined && { operator }) },
      }),
    commandLine: {
      ...(command_prefix && { prefix: command_prefix }),
      ...(account_prefix && { accountPrefix: account_prefix }),
      ...(slurm_conf !== undefined && { slurmConf: slurm_conf }),
      ...(bin_directory !== undefined && { binDirectory: bin_directory }),
    },
  };
}

function gatewayOf(entry: Entry): Pick<SlurmResourceOptions, 'gateway'> {
  const { root_url, api_token, token_lifespan, health_check_url } = gatewaySchema.parse(entry).connection_details;
  return {
    gateway: {
      url: root_url.replace(/\/+$/, ''),
      apiToken: api_token,
      ...(token_lifespan !== undefined && { tokenLifespanSeconds: Number(token_lifespan) }),
      ...(health_check_url !== undefined && { healthCheckUrl: health_check_url }),
    },
  };
}
