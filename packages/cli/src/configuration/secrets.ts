const mask = '********';
const secretName = /secret|password|passwd|credential|(^|_)token$|(^|_)key$/i;

/** True where the last part of a key says that its value is a secret. */
function isSecretKey(key: string): boolean {
  return secretName.test(key.slice(key.lastIndexOf('.') + 1));
}

/** Masks the password of every address in a text. */
function maskPasswords(text: string): string {
  return text.replace(/([a-z][a-z0-9+.-]*:\/\/[^\s:/?#]*:)[^\s/]*@/gi, `$1${mask}@`);
}

/** A copy of a value in which secrets are masked, for people and logs. */
export function masked(key: string, value: unknown): unknown {
  if (value === null || value === undefined || typeof value === 'boolean') return value;
  if (typeof value === 'object') {
    if (Array.isArray(value)) return value.map((item: unknown) => masked(key, item));
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, masked(`${key}.${name}`, item)]));
  }
  if (isSecretKey(key)) return value === '' ? '' : mask;
  return typeof value === 'string' ? maskPasswords(value) : value;
}

/** A value as an error message shows it: JSON, masked, and not too long. */
export function shownValue(key: string, value: unknown): string {
  if (value === undefined) return 'absent';
  if (isSecretKey(key)) return 'something else (a secret, not shown)';
  const text = JSON.stringify(masked(key, value)) ?? String(value);
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}
