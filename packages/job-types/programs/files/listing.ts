import type { Dirent } from 'node:fs';

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
const escaped = (text: string): string => text.replace(/[&<>"']/g, (character) => entities[character] ?? character);

/** A directory as a page. Links begin with the base path, since the address of the first page may lack its trailing slash. */
export function listing(names: readonly string[], entries: readonly Dirent[], basePath: string): string {
  const link = (path: readonly string[], suffix: string): string =>
    escaped(`${[basePath, ...path.map(encodeURIComponent)].join('/')}${suffix}`);
  const visible = entries
    .filter((entry) => !entry.name.startsWith('.'))
    .sort((a, b) => Number(b.isDirectory()) - Number(a.isDirectory()) || a.name.localeCompare(b.name));
  const rows = visible.map((entry) => {
    const suffix = entry.isDirectory() ? '/' : '';
    return `<li><a href="${link([...names, entry.name], suffix)}">${escaped(entry.name)}${suffix}</a></li>`;
  });
  const trail = [
    `<a href="${link([], '/')}">workspace</a>`,
    ...names.map((name, index) => `<a href="${link(names.slice(0, index + 1), '/')}">${escaped(name)}</a>`),
  ];
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(names.at(-1) ?? 'Files of the workspace')}</title>
<style>
:root { color-scheme: light dark; font: 16px/1.6 system-ui, sans-serif; }
body { max-width: 46rem; margin: 0 auto; padding: 2rem 1.25rem; }
h1 { font-size: 1.25rem; overflow-wrap: anywhere; }
ul { list-style: none; padding: 0; border-top: 1px solid color-mix(in srgb, currentColor 18%, transparent); }
li { border-bottom: 1px solid color-mix(in srgb, currentColor 18%, transparent); }
li a { display: block; padding: .5rem .25rem; text-decoration: none; overflow-wrap: anywhere; }
li a:hover { background: color-mix(in srgb, currentColor 7%, transparent); }
a:focus-visible { outline: 2px solid; outline-offset: 2px; }
</style>
<h1>${trail.join(' / ')}</h1>
${rows.length > 0 ? `<ul>${rows.join('')}</ul>` : '<p>This directory is empty.</p>'}
</html>
`;
}
