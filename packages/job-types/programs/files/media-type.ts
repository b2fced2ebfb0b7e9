const text = 'text/plain; charset=utf-8';
const types: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  htm: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  mjs: 'text/javascript; charset=utf-8',
  json: 'application/json; charset=utf-8',
  svg: 'image/svg+xml',
  png: 'image/png',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  gif: 'image/gif',
  webp: 'image/webp',
  pdf: 'application/pdf',
};
const plain = new Set(['txt', 'md', 'csv', 'tsv', 'log', 'py', 'r', 'sh', 'ipynb', 'yaml', 'yml', 'toml', 'xml']);

/** What a browser does with a file of this name: show it where that is safe and useful, else save it. */
export function mediaType(name: string): string {
  const extension = name.slice(name.lastIndexOf('.') + 1).toLowerCase();
  if (plain.has(extension)) return text;
  return Object.hasOwn(types, extension) ? (types[extension] ?? text) : 'application/octet-stream';
}
