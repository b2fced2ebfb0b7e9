import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Texts in PEM form. */
export interface Certificate {
  readonly certificate: string;
  readonly key: string;
}

/** An authority of its own, with a certificate for a server at 127.0.0.1 and one for a client. */
export interface Certificates {
  readonly ca: string;
  readonly server: Certificate;
  readonly client: Certificate;
}

/** Makes them with openssl; they hold for a day. */
export function makeCertificates(): Certificates {
  const directory = mkdtempSync(join(tmpdir(), 'uws-certificates-'));
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' });
  const read = (name: string) => readFileSync(join(directory, name), 'utf8');
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const signed = (name: string, extensions: string): Certificate => {
    writeFileSync(join(directory, 'extensions'), extensions);
    openssl('req', ...newKey, '-keyout', `${name}.key`, '-out', `${name}.request`, '-subj', `/CN=${name}`);
    const authority = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '1', '-extfile', 'extensions'];
    openssl('x509', '-req', '-in', `${name}.request`, ...authority, '-out', `${name}.pem`);
    return { certificate: read(`${name}.pem`), key: read(`${name}.key`) };
  };
  try {
    openssl(
      'req',
      '-x509',
      ...newKey,
      '-keyout',
      'ca.key',
      '-out',
      'ca.pem',
      '-days',
      '1',
      '-subj',
      '/CN=engine tests',
    );
    return {
      ca: read('ca.pem'),
      server: signed('server', 'subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n'),
      client: signed('client', 'extendedKeyUsage=clientAuth\n'),
    };
  } finally {
    rmSync(directory, { recursive: true });
  }
}
