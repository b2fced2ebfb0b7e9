import { fileURLToPath } from 'node:url';

/** Directory of the page that the server shows at `/`: `index.html` and what it loads, built into this package. */
export const pageDirectory: string = fileURLToPath(new URL('page/', import.meta.url));

/** Directory of the documentation of the API, shown at `/docs/`; it loads nothing from elsewhere. */
export const docsDirectory: string = fileURLToPath(new URL('docs/', import.meta.url));
