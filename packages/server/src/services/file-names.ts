import { ApiError } from '../http/api-error.js';

const noun = { file: 'File', link: 'Symlink' } as const;
const invalid = { file: 'Invalid file path specified', link: 'Invalid symlink destination path specified' } as const;

/**
 * Checks the name of a file or link to be made, with the old service's messages.
 *
 * @throws ApiError `invalid_path`
 */
export function checkName(name: string, kind: 'file' | 'link', field: string): void {
  if (name.includes('..')) {
    throw new ApiError('invalid_path', `${noun[kind]} name cannot contain double dots.`, { field });
  }
  const segments = name.split('/');
  const isSafe = segments.every(
    (segment) => segment !== '' && segment !== '.' && !segment.includes('\0') && Buffer.byteLength(segment) <= 255,
  );
  if (!isSafe || Buffer.byteLength(name) > 4096)
    throw new ApiError('invalid_path', `${invalid[kind]} ${name}`, { field });
}
