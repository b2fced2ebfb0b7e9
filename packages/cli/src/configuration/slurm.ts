import type { SlurmResourceOptions } from '@user-workspaces/resource-slurm';
import * as z from 'zod';

/** What the configuration calls a Slurm cluster that is reached by Slurm's own commands or by slurmrestd. */
export const slurmType = 'SlurmResource';

const text = z.string('must be a text').regex(/^\P{Cc}+$/u, 'must be a text');
const words = z.array(text, 'must be a list of words').exactOptional();
const path = z
  .string()
  .regex(/^\/[^\0]*$/, 'must be an absolute path')
  .exactOptional();

/** Keys of a {@link slurmType} besides those that every resource has. */
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

const entrySchema = z.looseObject({ ...slurmShape, connection_details: connection });

type Entry = Readonly<Record<string, unknown>>;

/** What is wrong with an entry of this type. */
export function slurmProblems(entry: Entry): z.core.$ZodIssue[] {
  return entrySchema.safeParse(entry).error?.issues ?? [];
}

/** An entry, which was checked, as the adapter takes it. */
export function slurmOptionsOf(name: string, entry: Entry, recordsDirectory: string): SlurmResourceOptions {
  const { cpu_partition, gpu_partition, allowed_options, node_addresses, session_ports, connection_details } =
    entrySchema.parse(entry);
  const { command_prefix, account_prefix, slurm_conf, bin_directory, rest_url, jwt_key_file, operator } =
    connection_details;
  return {
    name,
    recordsDirectory,
    ...(cpu_partition && { cpuPartition: cpu_partition }),
    ...(gpu_partition && { gpuPartition: gpu_partition }),
    ...(allowed_options && { allowedOptions: allowed_options }),
    ...(node_addresses && { nodeAddresses: node_addresses }),
    ...(session_ports && { sessionPorts: session_ports }),
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
