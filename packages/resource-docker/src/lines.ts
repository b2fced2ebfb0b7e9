import type { Readable } from 'node:stream';

/** The JSON texts of a stream, one per line. A line that is none, or too long, ends the stream with an error. */
export async function* jsonLines(stream: Readable): AsyncGenerator<Readonly<Record<string, unknown>>> {
  const longest = 1024 * 1024;
  let rest = '';
  const decoder = new TextDecoder();
  for await (const piece of stream) {
    rest += decoder.decode(piece, { stream: true });
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > longest) throw new Error('The container engine sent a line without an end.');
    for (const line of lines) if (line.trim() !== '') yield objectOf(line);
  }
  if (rest.trim() !== '') yield objectOf(rest);
}

function objectOf(line: string): Readonly<Record<string, unknown>> {
  const value: unknown = JSON.parse(line);
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
