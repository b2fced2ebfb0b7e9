import { accessSync, constants, readFileSync } from 'node:fs';
import { containerShape, type DockerResourceOptions } from '@user-workspaces/resource-docker';
import * as z from 'zod';

/** What the configuration calls a container engine. */
export const dockerType = 'DockerResource';

const text = z.string('must be a text').regex(/^\P{Cc}+$/u, 'must be a text');
const positive = 'must be a number above 0';

/** Keys of a {@link dockerType} besides those that every resource has. */
export const dockerShape = {
  ...containerShape,
  owner: text.exactOptional(),
  publish_address: z.union([z.ipv4(), z.ipv6()], 'must be an IP address').exactOptional(),
  session_host: text.exactOptional(),
  pids_limit: z.int('must be a whole number above 0').positive('must be a whole number above 0').exactOptional(),
  gpus: z.boolean('must be true or false').exactOptional(),
  kept_days: z.number(positive).positive(positive).exactOptional(),
};

const readable = z
  .string('must be an absolute path')
  .regex(/^\/[^\0]*$/, 'must be an absolute path')
  .refine(canBeRead, 'must be a file that the server can read');

const connection = z
  .strictObject({
    url: z
      .string('must be an address')
      .regex(
        /^(unix:\/\/\/.+|tcp:\/\/[^/]+|ssh:\/\/[^/]+(\/.*)?)$/,
        'must be unix:///path/of/docker.sock, tcp://host:port or ssh://user@host',
      )
      .default('unix:///var/run/docker.sock'),
    tls: z.strictObject({ ca: readable, certificate: readable, key: readable }).exactOptional(),
    ssh_config: readable.exactOptional(),
  })
  .refine(({ url, tls }) => tls === undefined || url.startsWith('tcp:'), {
    path: ['tls'],
    message: 'is for an url that begins with tcp://',
  });

const entrySchema = z.looseObject({ ...dockerShape, connection_details: connection });

type Entry = Readonly<Record<string, unknown>>;

/** What is wrong with an entry of this type. */
export function dockerProblems(entry: Entry): z.core.$ZodIssue[] {
  return entrySchema.safeParse(entry).error?.issues ?? [];
}

/** An entry, which was checked, as the adapter takes it. */
export function dockerOptionsOf(name: string, entry: Entry): DockerResourceOptions {
  const { owner, publish_address, session_host, pids_limit, gpus, kept_days, connection_details, ...rest } =
    entrySchema.parse(entry);
  const { url, tls, ssh_config } = connection_details;
  return {
    name,
    address: { url, ...(tls && { tls: contentsOf(tls) }), ...(ssh_config !== undefined && { sshConfig: ssh_config }) },
    defaults: z.object(containerShape).parse(rest),
    ...(owner !== undefined && { owner }),
    ...(publish_address !== undefined && { publishAddress: publish_address }),
    ...(session_host !== undefined && { sessionHost: session_host }),
    ...(pids_limit !== undefined && { pidsLimit: pids_limit }),
    ...(gpus !== undefined && { gpus }),
    ...(kept_days !== undefined && { keptDays: kept_days }),
  };
}

function canBeRead(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

function contentsOf({ ca, certificate, key }: NonNullable<z.output<typeof connection>['tls']>) {
  const read = (path: string) => readFileSync(path, 'utf8');
  return { ca: read(ca), certificate: read(certificate), key: read(key) };
}
