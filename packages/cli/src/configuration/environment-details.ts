type Details = Readonly<Record<string, unknown>>;

/** The key of `environment_details` whose object the resource reads, and the job type does not see. */
export const resourceDetailsKey = 'resource_details';

/** What a job type's `environment_details` of one resource hold for the job type and for the resource. */
export function splitDetails(details: Details): { readonly jobType: Details; readonly resource: Details } {
  const { [resourceDetailsKey]: resource, ...jobType } = details;
  return { jobType, resource: isDetails(resource) ? resource : {} };
}

function isDetails(value: unknown): value is Details {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
