/** A shell word with exactly this value: between single quotes nothing has a meaning. */
export function quote(value: string): string {
  return `'${value.replaceAll("'", `'\\''`)}'`;
}
