/** The name of one directory entry: text, or the bytes of a name that is not UTF-8. */
export type Name = string | Buffer;

/** Turns a name that was read as Latin-1, which loses no byte, into text or, when it is not UTF-8, into its bytes. */
export function nameFromLatin1(latin1: string): Name {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the range is what makes a name plain ASCII.
  if (/^[\x00-\x7f]*$/.test(latin1)) return latin1;
  const bytes = Buffer.from(latin1, 'latin1');
  const text = bytes.toString('utf8');
  return Buffer.from(text, 'utf8').equals(bytes) ? text : bytes;
}

/** True for names that lists and copies leave out. */
export function isHidden(name: Name): boolean {
  return typeof name === 'string' ? name.startsWith('.') : name[0] === 0x2e;
}

/** The same key for the same name, and never for another. */
export function keyOf(name: Name): string {
  return typeof name === 'string' ? `t${name}` : `b${name.toString('latin1')}`;
}
